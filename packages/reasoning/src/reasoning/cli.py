"""The program `reasoning` and its commands."""

from gpt.program import Program

REASONING = Program(
    "reasoning",
    {
        "train": "train the start model: it tries, notices a miss and tries again",
        "prm": "train a process or outcome reward model of the start model's attempts",
    },
    distributed=("train", "prm"),
)


def main(arguments: list[str] | None = None) -> int:
    """Run a command line and return its exit status."""
    return REASONING.main(arguments)
