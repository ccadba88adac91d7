# /// script
# requires-python = ">=3.11"
# dependencies = ["trl==1.12.0", "transformers==5.23.0", "torch>=2.10", "tyro"]
# ///
"""Record three complete PPO updates of trl 1.12.0, the last version with PPO.

    uv run --script packages/finetune/scripts/ppo_fixture.py

It takes under two minutes on two busy CPU cores, most of it for installing: the script runs in its
own environment and needs the package index once. It ends with "3 updates written" (Linux, Python
3.11, torch 2.15, transformers 5.23) to `src/finetune/comparison/recorded/ppo_trl_1.12.json`, which
ordinary tests and `finetune compare` read without trl. A slow test compares a new recording.

Everything that trl would draw at random is fixed here: weights come from a formula, answers from a
list, the order of minibatches from a rule. trl's own trainer does the rest. Models are GPT-2 in
float64, where transformers casts nothing to float32, so values can be compared to nine digits.

Recorded for each case: settings, queries and answers, log-probabilities of policy and reference,
values, scores, both masks, KL, rewards, advantages before and after whitening, returns; for every
minibatch the new log-probabilities and values, both losses, both clip fractions, approximate KL,
entropy and ratio; the trainer's log; and the weights of policy and critic after the update. The
weights before it follow from the formula.
"""

import json
import math
import os
import sys
import tempfile
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"

import torch
import tyro
from datasets import Dataset
from tokenizers import Tokenizer, models  # noqa: TID251 (this script is a baseline)
from torch import Tensor
from transformers import (  # noqa: TID251
    GPT2Config,
    GPT2ForSequenceClassification,
    GPT2LMHeadModel,
    PreTrainedTokenizerFast,
)
from trl.experimental.ppo import (  # noqa: TID251  # pyright: ignore[reportMissingImports]
    PPOConfig,
    PPOTrainer,
    ppo_trainer,
)

RECORDED = Path(__file__).parents[1] / "src/finetune/comparison/recorded/ppo_trl_1.12.json"
STOP, PAD = 8, 9  # of ten tokens
SHAPE = {"vocab_size": 10, "n_positions": 12, "n_embd": 8, "n_layer": 1, "n_head": 2, "n_inner": 16}
PHASES = {"policy": 1.0, "reference": 1.1, "value": 2.0, "reward": 3.0}
QUERIES = [[1, 2, 3], [4, 5], [6], [7, 0, 1, 2], [3, 3], [0, 6, 5], [2], [5, 1, 7, 4]]
WHOLE = [
    [1, 4, 2, 0, 8], [3, 3, 7, 1, 6], [0, 2, 5, 7, 8], [6, 1, 4, 4, 2],
    [5, 0, 0, 3, 8], [2, 7, 6, 5, 1], [4, 4, 1, 2, 8], [7, 3, 0, 6, 5],
]  # fmt: skip
STOPPED = [
    [1, 4, 8, 9, 9], [3, 3, 7, 1, 6], [8, 9, 9, 9, 9], [6, 1, 4, 4, 8],
    [5, 0, 0, 8, 9], [2, 8, 9, 9, 9], [4, 4, 1, 2, 0], [7, 3, 8, 9, 9],
]  # fmt: skip
# Settings that differ between cases; trl's defaults are k1, 0.05 and no whitening of rewards.
CASES: dict[str, tuple[list[list[int]], dict[str, Any]]] = {
    "whole": (WHOLE, {"num_mini_batches": 2}),
    "stopped": (STOPPED, {"num_mini_batches": 2}),
    "stopped, k3, whitened rewards": (
        STOPPED,
        {"num_mini_batches": 1, "kl_estimator": "k3", "whiten_rewards": True},
    ),
}
SETTINGS: dict[str, Any] = {
    "total_episodes": 8, "per_device_train_batch_size": 8, "gradient_accumulation_steps": 1,
    "num_ppo_epochs": 2, "response_length": 5, "stop_token": "eos", "missing_eos_penalty": 1.0,
    "temperature": 1 - 1e-7,  # trl adds 1e-7
    "kl_coef": 0.3, "kl_estimator": "k1", "whiten_rewards": False, "gamma": 0.9, "lam": 0.8,
    "cliprange": 0.2, "cliprange_value": 0.2, "vf_coef": 0.1,
    "optim": "adamw_torch", "learning_rate": 0.02, "lr_scheduler_type": "constant",
    "adam_beta1": 0.9, "adam_beta2": 0.999, "adam_epsilon": 1e-5, "weight_decay": 0.0,
}  # fmt: skip
QUIET: dict[str, Any] = {
    "use_cpu": True, "bf16": False, "gradient_checkpointing": False, "save_strategy": "no",
    "report_to": "none", "disable_tqdm": True, "num_sample_generations": 0, "logging_steps": 1,
}  # fmt: skip
ROLLOUT = (
    "queries", "responses", "logprobs", "ref_logprobs", "values", "scores", "sequence_lengths",
    "padding_mask", "padding_mask_p1", "kl", "non_score_reward", "rewards", "advantages", "returns",
)  # fmt: skip
ANSWERED = ("new_logprobs", "vpred")
STATISTICS = ("approxkl", "pg_clipfrac", "pg_loss", "vf_loss", "vf_clipfrac", "entropy", "ratio")


@dataclass(frozen=True)
class Config:
    """Record three complete PPO updates of trl as a JSON file."""

    output: Path = RECORDED
    """JSON file to write."""


def state_weights(model: torch.nn.Module, phase: float) -> None:
    """Weight i of tensor k is 0.5 sin(phase + k + i^2), plus 1 where it is the gain of a norm.

    Tensors are counted by the order of their names.
    """
    for k, (_, tensor) in enumerate(sorted(model.named_parameters())):
        waves = [0.5 * math.sin(phase + k + i * i) for i in range(tensor.numel())]
        tensor.data = torch.tensor(waves).view(tensor.shape)
    for name, tensor in model.named_parameters():
        if name.endswith(("ln_1.weight", "ln_2.weight", "ln_f.weight")):
            tensor.data += 1


def build_models() -> dict[str, Any]:
    """Build the four models, by role."""
    no_dropout = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
    special = {"bos_token_id": STOP, "eos_token_id": STOP, "pad_token_id": PAD}
    kind: dict[str, Any] = {"num_labels": 1, "attn_implementation": "eager"}
    config = GPT2Config(**SHAPE, **no_dropout, **special, **kind)
    roles = {}
    for role, phase in PHASES.items():
        generates = role in ("policy", "reference")
        model = GPT2LMHeadModel(config) if generates else GPT2ForSequenceClassification(config)
        state_weights(model, phase)
        roles[role] = model
    return roles


def digit_tokenizer() -> PreTrainedTokenizerFast:
    """Build a tokenizer of ten words that pads on the left, as the trainer needs for queries."""
    words = Tokenizer(models.WordLevel({str(i): i for i in range(10)}, unk_token="0"))
    return PreTrainedTokenizerFast(
        tokenizer_object=words, eos_token=str(STOP), pad_token=str(PAD), padding_side="left"
    )


def fixed_generation(answers: list[list[int]]) -> Any:
    """Return a replacement for generation: the fixed answers and the policy's logits."""

    def generation(policy: Any, queries: Tensor, *_: Any) -> tuple[Tensor, Tensor]:
        tokens = torch.cat([queries, torch.tensor(answers)], dim=1)
        scores = ppo_trainer.forward(policy, tokens, PAD).logits
        return tokens, scores[:, queries.shape[1] - 1 : -1]

    return generation


class LocalsRecorder:
    """Records local variables of the trainer's `train` from the functions that it calls."""

    def __init__(self) -> None:
        self.seen: dict[str, Any] = {"orders": [], "steps": []}

    def permutation(self, n: int) -> Tensor:
        """Record the rollout when the first epoch begins; return a fixed order of the rows."""
        orders = self.seen["orders"]
        if not orders:
            names = sys._getframe(1).f_locals
            raw = torch.stack(names["advantages_reversed"][::-1], dim=1)
            rollout = {name: names[name].clone() for name in ROLLOUT}
            self.seen["rollout"] = rollout | {"raw_advantages": raw}
        orders.append([(3 * i + len(orders)) % n for i in range(n)])
        return torch.tensor(orders[-1])

    def backward(self, loss: Tensor) -> None:
        """Record the outputs of both models for a minibatch, then run the backward pass."""
        names = sys._getframe(1).f_locals
        self.seen["steps"].append({name: names[name].detach().clone() for name in ANSWERED})
        loss.backward()

    def log(self, metrics: dict[str, float]) -> None:
        """Record the statistics when all epochs are done."""
        names = sys._getframe(1).f_locals
        self.seen["statistics"] = {name: names[f"{name}_stats"][..., 0] for name in STATISTICS}
        self.seen["logged"] = {name: value for name, value in metrics.items() if name != "eps"}


def recorded_update(answers: list[list[int]], differing: dict[str, Any]) -> dict[str, Any]:
    """Run and record one update of the trainer."""
    roles, recorder, settings = build_models(), LocalsRecorder(), SETTINGS | differing
    ppo_trainer.batch_generation = fixed_generation(answers)
    ppo_trainer.np = SimpleNamespace(random=SimpleNamespace(permutation=recorder.permutation))
    with tempfile.TemporaryDirectory() as folder:
        trainer = PPOTrainer(
            args=PPOConfig(output_dir=folder, seed=0, **settings, **QUIET),
            processing_class=digit_tokenizer(),
            model=roles["policy"],
            ref_model=roles["reference"],
            reward_model=roles["reward"],
            value_model=roles["value"],
            train_dataset=Dataset.from_dict({"input_ids": QUERIES}),
        )
        trainer.log, trainer.accelerator.backward = recorder.log, recorder.backward
        trainer.train()
    after = {role: trained_weights(roles[role]) for role in ("policy", "value")}
    return {"settings": settings, **recorder.seen, "after": after}


def trained_weights(model: torch.nn.Module) -> dict[str, Tensor]:
    """Trained weights by name."""
    return {name: tensor.detach() for name, tensor in model.named_parameters()}


def to_json(value: Any) -> Any:
    """Convert tensors to lists and round numbers to twelve digits."""
    if isinstance(value, dict):
        return {key: to_json(each) for key, each in value.items()}
    if isinstance(value, Tensor):
        return to_json(value.tolist())
    if isinstance(value, list):
        return [to_json(each) for each in value]
    return float(f"{value:.12g}") if isinstance(value, float) else value


def main(config: Config) -> None:
    """Record every case and write the file."""
    torch.set_default_dtype(torch.float64)
    with redirect_stdout(sys.stderr):  # the trainer prints
        cases = {name: recorded_update(*case) for name, case in CASES.items()}
    content = {
        "versions": {name: version(name) for name in ("trl", "transformers", "torch")},
        "model": SHAPE | {"stop": STOP, "pad": PAD},
        "weights": (state_weights.__doc__ or "").split("\n\n")[0],
        "phases": PHASES,
        "cases": to_json(cases),
    }
    config.output.parent.mkdir(parents=True, exist_ok=True)
    config.output.write_text(json.dumps(content) + "\n", encoding="utf-8")
    print(f"{len(cases)} updates written to {config.output}")


if __name__ == "__main__":
    main(tyro.cli(Config))
