"""Check that the mask covers the tokens that the assistant wrote, and nothing else."""

from collections.abc import Callable

BEGIN, STOP, USER, ASSISTANT = 90, 91, 70, 80
ASK, REPLY = [BEGIN, USER], [BEGIN, ASSISTANT]


def check(answer_mask: Callable[[list[int], list[int], int], list[bool]]) -> None:
    """Compare with rows masked by hand; a caret marks a token that counts."""
    turn, short = [*ASK, 1, 2, STOP, *REPLY, 3, 4, STOP], [*ASK, 5, STOP, *REPLY, 6, STOP]
    cases = [
        ("one answer", turn, "       ^^^"),
        ("two answers", turn + short, "       ^^^      ^^"),
        ("an answer that is cut off", turn[:-1], "       ^^"),
        ("a header with nothing after it", turn[:-3], "       "),
        ("a question that spells a role", [*ASK, ASSISTANT, STOP, *REPLY, 3, STOP], "      ^^"),
        ("an answer that spells a role", [*ASK, 1, STOP, *REPLY, ASSISTANT, STOP], "      ^^"),
        ("an empty answer", [*ASK, 1, STOP, *REPLY, STOP], "      ^"),
        ("no answer", [*ASK, 1, STOP], "    "),
    ]
    for name, tokens, counts in cases:
        yours = "".join(" ^"[bool(each)] for each in answer_mask(list(tokens), list(REPLY), STOP))
        assert yours == counts, f"{name}: the mask of {tokens} is {counts!r}, not {yours!r}"
    yours = answer_mask([1, 7, 8, 9, 3, 0], [7, 8, 9], 0)
    assert yours == [False] * 4 + [True] * 2, f"a header of three tokens: got {yours}"
