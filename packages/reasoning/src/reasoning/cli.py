"""The program `reasoning` and its commands."""

from gpt.program import Program

REASONING = Program(
    "reasoning",
    {
        "train": "train the start model: it tries, notices a miss and tries again",
        "distill": "train a small student on a larger teacher's traces or probabilities",
    },
    distributed=("train", "distill"),
)


def main(arguments: list[str] | None = None) -> int:
    """Run a command line and return its exit status."""
    return REASONING.main(arguments)
