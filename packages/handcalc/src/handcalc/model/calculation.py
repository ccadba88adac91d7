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


class Calculation:
    """Values by name, those of the weights first, and the lines that made them, in order."""

    def __init__(self, weights: "dict[str, Any]") -> None:
        self.weights = list(weights)
        self.values = dict(weights)
        self.lines = []

    def given(self, name: str, value: "Any") -> None:
        """A value that no line makes: a text, or a constant."""
        self.values[name] = value

    def line(self, names: str, function: "Any", *inputs: str) -> None:
        """Compute, and give the result a name, or the results theirs, parted by spaces."""
        result = function(*[self.values[name] for name in inputs])
        line = Line(names.split(), function, inputs)
        self.lines.append(line)
        for name, value in zip(line.names, result if isinstance(result, tuple) else (result,)):
            self.values[name] = value
