"""The program `reasoning` and its commands."""

from gpt.program import Program

REASONING = Program(
    "reasoning",
    {
        "train": "train the start model: it tries, notices a miss and tries again",
        "prm": "train a process or outcome reward model, and choose the best of n with it",
        "grpo": "train a model on rewards of its own answers, by GRPO or a control",
        "distill": "train a small student on a larger teacher's traces or probabilities",
    },
    distributed=("train", "prm", "grpo", "distill"),
)


def main(arguments: list[str] | None = None) -> int:
    """Run a command line and return its exit status."""
    return REASONING.main(arguments)
