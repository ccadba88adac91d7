"""The program `finetune` and its commands."""

from gpt.program import Program

FINETUNE = Program(
    "finetune",
    {
        "sft": "teach a model to answer questions",
        "reward": "train a model that scores answers, on pairs of a better and a worse one",
        "dpo": "train on pairs of answers directly, without a reward model",
        "ppo": "train on scores of the model's own answers",
        "chat": "talk to a model",
        "eval": "score a model's answers to held-out questions",
        "export": "write a run's model for transformers and peft",
        "demo": "run every stage in about two minutes",
        "compare": "compare results and speed with trl, peft and torchrl",
    },
    distributed=("sft", "reward", "dpo", "ppo"),
)


def main(arguments: list[str] | None = None) -> int:
    """Run a command line and return its exit status."""
    return FINETUNE.main(arguments)
