"""Rows of answers in free text: verdicts and majority votes, by us and by math-verify."""

import random
from collections import defaultdict

from gpt.comparison.rows import ComparisonRow, count_unequal
from reasoning.evaluation.awkward_answers import AwkwardAnswer, read_awkward_answers
from reasoning.evaluation.extraction import free_answer
from reasoning.evaluation.math_values import read_value
from reasoning.voting.votes import majority_vote

N_VOTERS, N_VOTES = 8, 12
ANSWER_FLOOR = 3.0


def answer_rows() -> list[ComparisonRow]:
    """Compare on the list of awkward answers that comes with the package."""
    return [verdict_row(), vote_row()]


def verdict_row() -> ComparisonRow:
    """Count verdicts that are wrong, or that differ from math-verify's without a reason listed."""
    from gpt.baselines import library_version
    from reasoning.evaluation.baselines import check_awkward_answers

    found, rows = check_awkward_answers(), read_awkward_answers()
    expected = [row for row in rows if row.differs]
    wrong = len(found.mistakes) + count_unequal(found.differences, expected)
    note = (
        f"math-verify decides otherwise on {len(found.differences)}; the list gives the reason of "
        "each"
    )
    return ComparisonRow(
        f"answers in free text, {found.n} verdicts",
        library_version("math-verify"),
        wrong,
        0.0,
        found.ours_s,
        found.library_s,
        ANSWER_FLOOR,
        note,
    )


def vote_row() -> ComparisonRow:
    """Count votes whose verdicts differ, among answers on which both checkers agree."""
    from gpt.baselines import library_version
    from reasoning.voting.baselines import library_vote

    votes = random_votes()
    ours = [our_vote(texts, gold) for texts, gold in votes]
    theirs = [library_vote(texts, gold) for texts, gold in votes]
    n_right = sum(verdict is True for verdict in ours)
    return ComparisonRow(
        f"majority vote, {N_VOTES} votes of {N_VOTERS} free texts",
        library_version("math-verify"),
        count_unequal(ours, theirs),
        0.0,
        note=f"{n_right} of the votes are right",
    )


def our_vote(texts: list[str], gold: str) -> bool | None:
    """Whether the answer that most texts give is right; None if no text gives one."""
    winner, value = majority_vote([free_answer(text) for text in texts]), read_value(gold)
    return None if winner is None or value is None else winner.equals(value)


def random_votes(seed: int = 0) -> list[tuple[list[str], str]]:
    """Draw texts, right and wrong, of problems with enough of them; return them with the answer."""
    by_gold: dict[str, list[AwkwardAnswer]] = defaultdict(list)
    for row in read_awkward_answers():
        if not row.differs:
            by_gold[row.gold].append(row)
    golds = [gold for gold, rows in by_gold.items() if len(rows) >= N_VOTERS]
    draw = random.Random(seed)
    votes = []
    for _ in range(N_VOTES):
        gold = draw.choice(golds)
        votes.append(([row.text for row in draw.sample(by_gold[gold], N_VOTERS)], gold))
    return votes
