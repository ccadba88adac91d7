"""A calculation as a list of lines: each gives a name to what a function makes of named values.

So a calculation can be printed line by line, and any number in it asked where it came from.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Line:
    """Which function made the values called `names`, of which `inputs`."""

    def __init__(self, names: "list[str]", function: "Any", inputs: "tuple[str, ...]") -> None:
        self.names = names
        self.function = function
        self.inputs = inputs

    def results(self, values: "dict[str, Any]") -> "dict[str, Any]":
        """What the function makes of these values, by name."""
        made: Any = self.function(*[values[name] for name in self.inputs])
        if not isinstance(made, tuple):
            made = (made,)
        return dict(zip(self.names, made))  # pyright: ignore[reportUnknownArgumentType]


class Calculation:
    """Values by name, those of the weights first, and the lines that made them, in order."""

    def __init__(self, weights: "dict[str, Any]") -> None:
        self.weights = list(weights)
        self.values = dict(weights)
        self.lines: list[Line] = []

    def given(self, name: str, value: "Any") -> None:
        """A value that no line makes: a text, or a constant."""
        self.values[name] = value

    def line(self, names: str, function: "Any", *inputs: str) -> None:
        """Compute, and give the result a name, or the results theirs, parted by spaces."""
        line = Line(names.split(), function, inputs)
        self.lines.append(line)
        self.values.update(line.results(self.values))

    def again(self, changed: str, result: str) -> "Any":
        """The result once more, by the lines that come after a value that has been changed."""
        values, later = dict(self.values), False
        for line in self.lines:
            later = later or changed in line.inputs
            if later:
                values.update(line.results(values))
            if result in line.names:
                break
        return values[result]
