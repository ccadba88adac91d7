"""The program `reasoning` and its commands."""

from gpt.program import Program

REASONING = Program(
    "reasoning",
    {
        "train": "train the start model: it tries, notices a miss and tries again",
        "grpo": "train on rewards of the model's own answers, compared within groups",
        "compare": "compare results and speed with trl, transformers and math-verify",
    },
    distributed=("train", "grpo"),
)


def main(arguments: list[str] | None = None) -> int:
    """Run a command line and return its exit status."""
    return REASONING.main(arguments)
