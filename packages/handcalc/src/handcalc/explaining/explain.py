"""Any number of a calculation: its formula, the formula in numbers, and what to ask next.

The function of the line that made it runs again, on numbers that remember. So every formula is the
one that was calculated. What no line made is a leaf: a drawn weight, a token id, a constant.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from handcalc.explaining.expression import (
    Expression,
    Operand,
    in_numbers,
    leaves,
    named,
    value,
    written,
)
from handcalc.model.calculation import Calculation, Line
from handcalc.operations.matrices import is_list

DONE = re.compile(r"(\.[a-z]+)*$")  # what was done to a tensor, such as .grad


class Explanation(NamedTuple):
    """Where a number comes from."""

    name: str
    value: float
    how: str
    """The function that made it and of what, or what kind of leaf it is."""
    formula: str
    """Empty for a leaf."""
    numbers: str
    """The formula with the value of every name; it evaluates to the value."""
    inputs: list[str]
    """The names in the formula, and the token ids that decided it."""


class Explainer:
    """Explains the numbers of one calculation."""

    def __init__(self, c: Calculation) -> None:
        self.c = c
        self.makers = {name: line for line in c.lines for name in line.names}
        self.results: dict[tuple[Line, Ids | None], dict[str, Any]] = {}
        drawn = [name for name in c.weights if not name.startswith(("gamma", "beta"))]
        elements = (each for name in drawn for each in element_names(name, c.values[name]))
        self.draws = {name: n for n, name in enumerate(elements, start=1)}

    def names(self) -> Iterator[str]:
        """The name of every number, in the order of the calculation."""
        for tensor, numbers in self.c.values.items():
            yield from element_names(tensor, numbers)

    def __call__(self, name: str) -> Explanation:
        """Explain the number of this name.

        Raises:
            ValueError: there is no such number.
        """
        tensor, indices = self.found(name)
        name = element_name(tensor, indices)
        if tensor not in self.makers:
            number = picked(self.c.values[tensor], indices)
            return Explanation(name, number, self.kind(name, tensor, number), "", "", [])
        line, made = self.makers[tensor], self.made(tensor, indices)
        how = f"{line.function.__name__}({', '.join(line.inputs)})"
        inputs = list(dict.fromkeys([*leaves(made), *self.deciding_ids(tensor, indices)]))
        formula, numbers = written(made, named), written(made, in_numbers)
        return Explanation(name, value(made), how, formula, numbers, inputs)

    def found(self, name: str) -> tuple[str, tuple[int, ...]]:
        """The tensor and the place in it."""
        tensor = re.sub(r"\[\d+\]", "", name)
        if tensor not in self.c.values:
            raise ValueError(f"there is no number called {name!r}; explain --list prints all names")
        indices = tuple(int(index) for index in re.findall(r"\[(\d+)\]", name))
        sizes = shape(self.c.values[tensor])
        if len(indices) != len(sizes) or any(i >= n for i, n in zip(indices, sizes, strict=True)):
            size = " x ".join(map(str, sizes)) or "a single number"
            last = element_name(tensor, tuple(n - 1 for n in sizes))
            raise ValueError(f"{tensor} is {size}: {name!r} is no number of it, {last} is its last")
        return tensor, indices

    def kind(self, name: str, tensor: str, number: float) -> str:
        """What a leaf is."""
        if tensor in ("tokens", "targets"):
            return "a token id"
        if name in self.draws:
            return f"draw {self.draws[name]}"
        if tensor in self.c.weights:
            return f"a constant: this weight begins at {number:g}"
        return "a constant"

    def made(self, tensor: str, indices: tuple[int, ...], ids: "Ids | None" = None) -> Operand:
        """The number, remembering how its line made it, of other token ids if some are given."""
        line = self.makers[tensor]
        if (line, ids) not in self.results:
            self.results[line, ids] = self.made_again(line, ids)
        return picked(self.results[line, ids][tensor], indices)

    def made_again(self, line: Line, ids: "Ids | None") -> dict[str, Any]:
        """What a line makes of numbers that remember their names."""
        values = self.c.values | ({ids.name: list(ids.ids)} if ids else {})
        return line.results({name: with_names(name, values[name]) for name in line.inputs})

    def deciding_ids(self, tensor: str, indices: tuple[int, ...]) -> Iterator[str]:
        """The token ids for which another would have given another formula."""
        formula = written(self.made(tensor, indices), named)
        for name in self.makers[tensor].inputs:
            if name in ("tokens", "targets"):
                ids = self.c.values[name]
                for t in range(len(ids)):
                    tried = [
                        Ids(name, (*ids[:t], other, *ids[t + 1 :]))
                        for other in range(len(self.c.values["token"]))
                    ]
                    made = (written(self.made(tensor, indices, each), named) for each in tried)
                    if any(other != formula for other in made):
                        yield element_name(name, (t,))


class Ids(NamedTuple):
    """Token ids to try in place of those called so."""

    name: str
    ids: tuple[int, ...]


def with_names(tensor: str, numbers: Any, indices: tuple[int, ...] = ()) -> Any:
    """The same nested lists of numbers that remember their names; counts and ids stay as are."""
    if is_list(numbers):
        return [with_names(tensor, part, (*indices, i)) for i, part in enumerate(numbers)]
    if isinstance(numbers, int):
        return numbers
    return Expression(numbers, element_name(tensor, indices))


def element_names(tensor: str, numbers: Any, indices: tuple[int, ...] = ()) -> Iterator[str]:
    """The names of all numbers of a tensor."""
    if is_list(numbers):
        for i, part in enumerate(numbers):
            yield from element_names(tensor, part, (*indices, i))
    else:
        yield element_name(tensor, indices)


def element_name(tensor: str, indices: tuple[int, ...]) -> str:
    """The place stands before what was done to the tensor: W_O.grad has W_O[3][1].grad."""
    place = "".join(f"[{index}]" for index in indices)
    return DONE.sub(lambda match: place + match[0], tensor, count=1)


def shape(numbers: Any) -> tuple[int, ...]:
    """Sizes of nested lists."""
    return (len(numbers), *shape(numbers[0])) if is_list(numbers) else ()


def picked(numbers: Any, indices: tuple[int, ...]) -> Any:
    """The number at a place."""
    for index in indices:
        numbers = numbers[index]
    return numbers
