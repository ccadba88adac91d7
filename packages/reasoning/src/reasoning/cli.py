"""The program `reasoning` and its commands."""

from gpt.program import Program

REASONING = Program(
    "reasoning",
    {
        "solve": "solve a puzzle by a method, and watch it work",
        "table": "measure all methods on the same problems, with what they cost",
        "train": "train the start model: it tries, notices a miss and tries again",
        "prm": "train a process or outcome reward model of the start model's attempts",
        "grpo": "train a model on rewards of its own answers, by GRPO or a control",
        "distill": "train a small student on a larger teacher's traces or probabilities",
        "compare": "compare results and speed with trl, transformers and math-verify",
        "demo": "one puzzle by each method, then all methods on a few problems, in two minutes",
    },
    distributed=("train", "prm", "grpo", "distill"),
)


def main(arguments: list[str] | None = None) -> int:
    """Run a command line and return its exit status."""
    return REASONING.main(arguments)
