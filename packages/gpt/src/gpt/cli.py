"""The command `gpt` and its verbs."""

from gpt.program import Program

GPT_PROGRAM = Program(
    "gpt",
    {
        "train": "train a GPT on a text; with no options, on this Python's documentation",
        "sample": "let a trained model write, or a chat model answer",
        "eval": "score a model beside n-gram models of the same text",
        "export": "write a model in the layout of transformers",
        "compare": "ours beside the libraries: equal, and how fast",
        "demo": "all of it, from text to text, in under two minutes",
    },
)


def main(arguments: list[str] | None = None) -> int:
    """Run a command line and return its exit status."""
    return GPT_PROGRAM.main(arguments)
