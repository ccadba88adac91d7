"""The program `gpt` and its commands."""

from gpt.program import Program

GPT_PROGRAM = Program(
    "gpt",
    {
        "train": "train a GPT on a text; by default, on this Python's documentation",
        "sample": "generate text, or the answer of a chat model",
        "eval": "score a model next to n-gram models of the same text",
        "export": "write a model in the layout of transformers",
        "compare": "compare with the libraries: equal, and how fast",
        "demo": "everything, from text to text, in under two minutes",
    },
)


def main(arguments: list[str] | None = None) -> int:
    """Run a command line and return its exit status."""
    return GPT_PROGRAM.main(arguments)
