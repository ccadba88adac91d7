"""The program `gpt` and its commands."""

from gpt.program import Program

GPT_PROGRAM = Program(
    "gpt",
    {
        "train": "train a GPT on a text (by default, this Python's documentation)",
        "sample": "generate text, or an answer with a chat model",
        "eval": "score a model against n-gram models of the same text",
        "export": "write a model in the layout of transformers",
        "inspect": "write a page that shows what a model computes for a prompt",
        "compare": "compare results and speed with transformers, tokenizers and torch",
        "demo": "read text, train, score and generate, in under two minutes",
    },
)


main = GPT_PROGRAM.main
"""Run a command line and return its exit status."""
