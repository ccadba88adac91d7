from reasoning.start.gate import MAX_TRACE
from reasoning.start.shipped import load_start_model
from reasoning.tasks.countdown import Puzzle
from reasoning.verifier import report


def test_a_trace_that_was_cut_off_has_no_stop_token_to_count(monkeypatch):
    texts = ["7 " * MAX_TRACE] * 3 + ["7 " * (MAX_TRACE - 1)] + ["answer 7"] * 4
    monkeypatch.setattr(report, "sample_texts", lambda *_: [texts])
    rates, tokens = report.best_of_eight(load_start_model().model, {}, [Puzzle((4, 5, 7, 9), 24)])
    assert tokens == {"eight traces, generated": 4 * MAX_TRACE + 4 * 3}
    assert rates["oracle"].rate == (0, 0, 0)
