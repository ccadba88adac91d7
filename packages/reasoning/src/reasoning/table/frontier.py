"""The price of an accuracy point in tokens, and the rows of the table that are worth their tokens.

Only rows that may use the same oracles can be compared: a method that checks every answer by the
end test needs no verifier. So a frontier is that of the rows that use only given letters.
"""

from collections.abc import Mapping

from gpt.errors import BadInput
from reasoning.table.countdown_rows import COUNTDOWN_ROWS
from reasoning.table.report import RowRate


def token_price(rate: RowRate, base: RowRate) -> float:
    """Return the tokens that each further percentage point costs, compared with a cheaper row.

    price = (tokens - tokens of the base) / (100 (right - right of the base))

    Raises:
        BadInput: the row is not right more often than the base.
    """
    if rate.right <= base.right:
        raise BadInput("a price needs a row that is right more often than its base")
    return (rate.tokens - base.tokens) / (100 * (rate.right - base.right))


def frontier(rates: Mapping[str, RowRate], allowed: str) -> list[str]:
    """Return the Pareto frontier of accuracy and cost among the rows of countdown, cheapest first.

    A row is on it if it is right more often than all rows that cost no more tokens.

    Args:
        rates: rows of countdown by name.
        allowed: letters of what a row may use, such as "m v" for the model and a verifier.
    """
    names = [name for name in rates if set(COUNTDOWN_ROWS[name].oracles) <= {*allowed, " "}]
    best, found = -1.0, []
    for name in sorted(names, key=lambda name: (rates[name].tokens, -rates[name].right)):
        if rates[name].right > best:
            best = rates[name].right
            found.append(name)
    return found
