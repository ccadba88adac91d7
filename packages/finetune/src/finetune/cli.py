"""The program `finetune` and its commands."""

from gpt.program import Program

FINETUNE = Program(
    "finetune",
    {
        "sft": "teach a model to answer questions",
        "reward": "train a model that scores answers, from pairs of them",
        "dpo": "train on pairs of answers directly, without a reward model",
        "ppo": "train on scores of the model's own answers",
        "chat": "talk to a model",
        "eval": "measure a model's answers on held-out questions",
        "export": "write a run for transformers and peft",
        "demo": "every stage in about two minutes",
        "compare": "compare with trl and peft: equal, and how fast",
    },
    distributed=("sft", "reward", "dpo", "ppo"),
)


def main(arguments: list[str] | None = None) -> int:
    """Run a command line and return its exit status."""
    return FINETUNE.main(arguments)
