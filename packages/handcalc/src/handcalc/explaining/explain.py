"""Any number of a calculation: its formula in names, the formula in numbers, and its inputs.

The function of the line that computed the number runs again, on inputs of type `Expression`, so the
formula shown is the one that was calculated. A number that no line computed is a leaf: a drawn
weight, a token id or a constant.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from handcalc.calculation import Calculation, Line, Name, is_list
from handcalc.explaining.expression import (
    Expression,
    Operand,
    formula,
    leaf_names,
    value,
)

SUFFIX = re.compile(r"(\.[a-z]+)*$")  # .grad, .new, ...


class Explanation(NamedTuple):
    """The origin of one number."""

    name: str
    value: float
    how: str
    """The call that computed it, such as scaled_scores(QK.0, d_k), or the kind of leaf."""
    formula: str
    """Empty for a leaf."""
    numbers: str
    """The formula with values instead of names; it evaluates to the value."""
    inputs: list[str]
    """The names in the formula, and the token ids that decided it."""


class Ids(NamedTuple):
    """Other token ids to try for the tensor of this name."""

    name: Name
    ids: tuple[int, ...]


class Explainer:
    """Explains the numbers of one calculation; `names` has all of them, in its order."""

    def __init__(self, c: Calculation) -> None:
        self.c = c
        self.line_of = {name: line for line in c.lines for name in line.names}
        self.names = [name for pair in c.values.items() for name in element_names(*pair)]
        self.results: dict[tuple[Line, Ids | None], dict[Name, Any]] = {}
        random_weights = [name for name in c.weights if not name.startswith(("gamma", "beta"))]
        elements = (each for name in random_weights for each in element_names(name, c.values[name]))
        self.draws = {name: n for n, name in enumerate(elements, start=1)}

    def __call__(self, name: str) -> Explanation:
        """Explain the number of this name.

        Raises:
            ValueError: the calculation has no such number.
        """
        tensor, indices = self.locate(name)
        name = element_name(tensor, indices)
        if tensor not in self.line_of:
            number = element(self.c.values[tensor], indices)
            return Explanation(name, number, self.kind_of_leaf(name, tensor, number), "", "", [])
        line, made = self.line_of[tensor], self.expression(tensor, indices)
        how = f"{line.function.__name__}({', '.join(line.inputs)})"
        inputs = list(dict.fromkeys([*leaf_names(made), *self.deciding_ids(tensor, indices)]))
        in_names, in_numbers = formula(made), formula(made, lambda leaf: repr(leaf.value))
        return Explanation(name, value(made), how, in_names, in_numbers, inputs)

    def locate(self, name: str) -> tuple[Name, tuple[int, ...]]:
        """Return the tensor and the indices of a named number."""
        tensor = re.sub(r"\[\d+\]", "", name)
        if tensor not in self.c.values:
            raise ValueError(f"there is no number called {name!r}; explain --list prints all names")
        indices = tuple(int(index) for index in re.findall(r"\[(\d+)\]", name))
        sizes: list[int] = []
        rows = self.c.values[tensor]
        while is_list(rows):
            sizes.append(len(rows))
            rows = rows[0]
        if len(indices) != len(sizes) or any(i >= n for i, n in zip(indices, sizes, strict=True)):
            size = " x ".join(map(str, sizes)) or "a single number"
            last = element_name(tensor, tuple(n - 1 for n in sizes))
            raise ValueError(f"{tensor} is {size}: it has no {name!r}; its last number is {last}")
        return tensor, indices

    def kind_of_leaf(self, name: str, tensor: Name, number: float) -> str:
        """Describe a number that no line computed."""
        if tensor in ("tokens", "targets"):
            return "a token id"
        if name in self.draws:
            return f"draw {self.draws[name]}"
        if tensor in self.c.weights:
            return f"a constant: this weight begins at {number:g}"
        return "a constant"

    def expression(self, tensor: Name, indices: tuple[int, ...], ids: Ids | None = None) -> Operand:
        """Return the number as an expression; `ids` replace some token ids of the calculation."""
        line = self.line_of[tensor]
        if (line, ids) not in self.results:
            values = self.c.values | ({ids.name: list(ids.ids)} if ids else {})
            inputs = {name: named_expressions(name, values[name]) for name in line.inputs}
            self.results[line, ids] = line.results(inputs)
        return element(self.results[line, ids][tensor], indices)

    def deciding_ids(self, tensor: Name, indices: tuple[int, ...]) -> Iterator[str]:
        """Yield the names of the token ids that would change the formula if they were different."""
        in_names = formula(self.expression(tensor, indices))
        for name in self.line_of[tensor].inputs:
            if name in ("tokens", "targets"):
                ids = self.c.values[name]
                for t in range(len(ids)):
                    tried = [
                        Ids(name, (*ids[:t], other, *ids[t + 1 :]))
                        for other in range(len(self.c.values["token"]))
                    ]
                    made = (self.expression(tensor, indices, each) for each in tried)
                    if any(formula(other) != in_names for other in made):
                        yield element_name(name, (t,))


def named_expressions(tensor: Name, numbers: Any, indices: tuple[int, ...] = ()) -> Any:
    """Return nested lists with an `Expression` for each float; counts and token ids stay plain."""
    if is_list(numbers):
        return [named_expressions(tensor, row, (*indices, i)) for i, row in enumerate(numbers)]
    if isinstance(numbers, int):
        return numbers
    return Expression(numbers, element_name(tensor, indices))


def element_names(tensor: Name, numbers: Any, indices: tuple[int, ...] = ()) -> Iterator[str]:
    """Yield the names of all numbers of a tensor."""
    if is_list(numbers):
        for i, row in enumerate(numbers):
            yield from element_names(tensor, row, (*indices, i))
    else:
        yield element_name(tensor, indices)


def element_name(tensor: Name, indices: tuple[int, ...]) -> str:
    """Return the name of a number; indices come before a suffix: W_O.grad has W_O[3][1].grad."""
    place = "".join(f"[{index}]" for index in indices)
    return SUFFIX.sub(lambda match: place + match[0], tensor, count=1)


def element(numbers: Any, indices: tuple[int, ...]) -> Any:
    """Return the number at these indices of nested lists."""
    for index in indices:
        numbers = numbers[index]
    return numbers
