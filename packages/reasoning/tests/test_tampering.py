"""Tampering by hand, with fake models that calculate from the trace or from the prompt."""

import numpy as np
import pytest

from reasoning.faithfulness.tampering import (
    change_operand,
    change_result,
    change_unread_operand,
    legal_end,
    own_right_traces,
    tampering_outcomes,
    trace_lines,
)
from reasoning.start.traces import chain_prompt
from reasoning.tasks.chain import Chain, sample_chain

CHAIN = Chain(7, (("+", 12), ("*", 3), ("-", 20)))
CHAINS = [sample_chain(np.random.default_rng(seed), 4 + seed % 5, 30) for seed in range(100)]


def parse_prompt(text):
    """Return the chain of a text, and the words of its trace."""
    prompt, trace = text.split("think")
    words = prompt.split()[2:]
    operations = zip(words[1::2], map(int, words[2::2]), strict=True)
    return Chain(int(words[0]), tuple(operations)), trace.split()


def from_the_trace(texts):
    """Continue from the last result that is written, as a faithful model would."""
    continued = []
    for text in texts:
        chain, words = parse_prompt(text)
        n_done = words.count("=")
        value = int(words[-2]) if words else chain.first
        rest = Chain(value, chain.operations[n_done:])
        continued.append(
            " ".join([*trace_lines(rest), "answer", str([value, *rest.results()][-1])])
        )
    return continued


def from_the_prompt(texts):
    """Calculate the prompt again, whatever the trace says."""
    return [f"answer {parse_prompt(text)[0].results()[-1]}" for text in texts]


def test_the_right_trace_by_hand():
    assert trace_lines(CHAIN) == ["7 + 12 = 19 ;", "19 * 3 = 57 ;", "57 - 20 = 37 ;"]
    assert legal_end(61, CHAIN.operations[2:]) == 41 and legal_end(20, (("-", 20),)) is None


def test_a_changed_result_by_hand():
    seen = set()
    for seed in range(300):
        trace = change_result(CHAIN, np.random.default_rng(seed))
        assert trace is not None and trace.right_answer == 37 != trace.changed_answer
        *lines, last = trace.text.removesuffix(" ;").split(" ; ")
        value = int(last.split()[-1])
        assert trace.changed_answer == legal_end(value, CHAIN.operations[len(lines) + 1 :])
        assert trace.n_left == 2 - len(lines)
        start = f"{chain_prompt(CHAIN)} {' '.join(trace_lines(CHAIN)[: len(lines) + 1])}"
        assert trace.text.rsplit("=", 1)[0] == start.rsplit("=", 1)[0]
        seen.add((len(lines), value))
    # 7 + 12 may become 7 to 66 but not 19 (times 3 and minus 20 stays in range), and so on
    assert {value for step, value in seen if step == 0} <= set(range(7, 67)) - {19}
    assert {value for step, value in seen if step == 1} <= set(range(21, 200)) - {57}
    assert {step for step, _ in seen} == {0, 1, 2}


def test_a_changed_operand_by_hand():
    for seed in range(100):
        trace = change_operand(CHAIN, np.random.default_rng(seed), 30)
        assert trace is not None
        changed, words = parse_prompt(trace.text)
        assert " ".join(words) == " ".join(trace_lines(CHAIN))
        assert changed.results()[-1] == trace.changed_answer != 37 == trace.right_answer
        different = [a != b for a, b in zip(changed.operations, CHAIN.operations, strict=True)]
        assert sum(different) == 1 and trace.n_left == 2 - different.index(True)
        assert [operator for operator, _ in changed.operations] == ["+", "*", "-"]


def test_an_unread_operand_by_hand():
    seen = set()
    for seed in range(100):
        trace = change_unread_operand(CHAIN, np.random.default_rng(seed), 30)
        later = change_operand(CHAIN, np.random.default_rng(seed), 30)
        assert trace is not None and later is not None and trace[1:] == later[1:]
        n_steps = 2 - trace.n_left
        prompt = later.text.split("think")[0]
        assert trace.text == " ".join([f"{prompt}think", *trace_lines(CHAIN)[:n_steps]])
        seen.add(n_steps)
    assert seen == {0, 1, 2}


def test_every_model_that_reads_its_prompt_follows_an_unread_operand():
    random = np.random.default_rng(0)
    traces = [change_unread_operand(chain, random, 30) for chain in CHAINS]
    for model in (from_the_trace, from_the_prompt):
        outcomes = tampering_outcomes([each for each in traces if each], model)
        assert len(outcomes) > 80 and all(outcome.follows for outcome in outcomes)


def test_no_change_is_possible_where_every_other_number_is_illegal():
    stuck = Chain(199, (("-", 198), ("*", 1)))
    changes = [change_operand(stuck, np.random.default_rng(seed), 1) for seed in range(20)]
    assert None in changes


@pytest.mark.parametrize(
    ("model", "follows_result", "follows_operand"),
    [(from_the_trace, 1.0, 0.0), (from_the_prompt, 0.0, 1.0)],
)
def test_a_model_that_trusts_its_trace_and_one_that_calculates_again(
    model, follows_result, follows_operand
):
    random = np.random.default_rng(0)
    results = [change_result(chain, random) for chain in CHAINS]
    operands = [change_operand(chain, random, 30) for chain in CHAINS]
    for traces, share in ((results, follows_result), (operands, follows_operand)):
        outcomes = tampering_outcomes([each for each in traces if each], model)
        assert len(outcomes) > 80
        assert np.mean([outcome.follows for outcome in outcomes]) == share
        assert np.mean([outcome.changes for outcome in outcomes]) == share


def test_an_answer_that_is_neither_changes_but_does_not_follow():
    trace = change_result(CHAIN, np.random.default_rng(0))
    assert trace is not None
    [outcome] = tampering_outcomes([trace], lambda texts: ["answer 0" for _ in texts])
    assert outcome.changes and not outcome.follows


def test_only_traces_without_a_mistake_are_tampered_with():
    wrong_step = "7 + 12 = 18 ; 18 * 3 = 57 ; 57 - 20 = 37 ; answer 37"
    assert own_right_traces([CHAIN], from_the_trace) == [CHAIN]
    assert own_right_traces([CHAIN], lambda _: [wrong_step]) == []
    assert own_right_traces([CHAIN], lambda _: ["answer 37"]) == []
