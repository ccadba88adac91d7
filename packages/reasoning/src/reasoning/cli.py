"""The program `reasoning` and its commands."""

from gpt.program import Program

REASONING = Program(
    "reasoning",
    {
        "train": "train the start model: it tries, notices a miss and tries again",
        "grpo": "train a model on rewards of its own answers, by GRPO or a control",
    },
    distributed=("train", "grpo"),
)


def main(arguments: list[str] | None = None) -> int:
    """Run a command line and return its exit status."""
    return REASONING.main(arguments)
