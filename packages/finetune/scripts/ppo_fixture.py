# /// script
# requires-python = ">=3.11"
# dependencies = ["trl==1.12.0", "transformers==5.23.0", "torch>=2.10", "tyro"]
# ///
"""Record three whole PPO updates of trl 1.12.0, the last version that had PPO.

    uv run --script packages/finetune/scripts/ppo_fixture.py

Under two minutes on two busy CPU cores, most of it installing: the script runs in an environment of
its own and needs the package index once. It ends with "3 updates written" (Linux, Python 3.11,
torch 2.15, transformers 5.23) to `src/finetune/comparison/recorded/ppo_trl_1.12.json`, which
ordinary tests and `finetune compare` read without trl. A slow test compares a new recording.

Everything that trl would draw is stated here: weights come from a formula, answers from a list, the
order of minibatches from a rule. trl's own trainer then does the rest. Models are GPT-2 in float64,
where its library casts nothing to float32, so that equal means equal to nine digits.

Recorded for each case: settings, queries and answers, log-probabilities of policy and reference,
values, scores, both masks, KL, rewards, advantages before and after whitening, returns; of every
minibatch the new log-probabilities and values, both losses, both clipped shares, approximate KL,
entropy and ratio; what the trainer logged; and the weights of policy and critic after the update.
The formula gives those before.
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
# What differs from case to case; trl's defaults are k1, 0.05 and no whitening of rewards.
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
    "temperature": 1 - 1e-7,  # it adds 1e-7
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
    """Options of the recording."""

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


def built() -> dict[str, Any]:
    """Return the four models by their roles."""
    dry = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
    marks = {"bos_token_id": STOP, "eos_token_id": STOP, "pad_token_id": PAD}
    kind: dict[str, Any] = {"num_labels": 1, "attn_implementation": "eager"}
    config = GPT2Config(**SHAPE, **dry, **marks, **kind)
    roles = {}
    for role, phase in PHASES.items():
        writes = role in ("policy", "reference")
        model = GPT2LMHeadModel(config) if writes else GPT2ForSequenceClassification(config)
        state_weights(model, phase)
        roles[role] = model
    return roles


def tokenizer() -> PreTrainedTokenizerFast:
    """Tokenizer of ten words; pads on the left, as the trainer expects of queries."""
    words = Tokenizer(models.WordLevel({str(i): i for i in range(10)}, unk_token="0"))
    return PreTrainedTokenizerFast(
        tokenizer_object=words, eos_token=str(STOP), pad_token=str(PAD), padding_side="left"
    )


def given(answers: list[list[int]]) -> Any:
    """Return given answers and the policy's logits for them, instead of generating."""

    def generation(policy: Any, queries: Tensor, *_: Any) -> tuple[Tensor, Tensor]:
        tokens = torch.cat([queries, torch.tensor(answers)], dim=1)
        scores = ppo_trainer.forward(policy, tokens, PAD).logits
        return tokens, scores[:, queries.shape[1] - 1 : -1]

    return generation


class Watch:
    """Record local variables of the trainer's `train` when it calls functions given by us."""

    def __init__(self) -> None:
        self.seen: dict[str, Any] = {"orders": [], "steps": []}

    def permutation(self, n: int) -> Tensor:
        """Record the complete rollout at the start of an epoch; return a fixed order of rows."""
        orders = self.seen["orders"]
        if not orders:
            names = sys._getframe(1).f_locals
            raw = torch.stack(names["advantages_reversed"][::-1], dim=1)
            rollout = {name: names[name].clone() for name in ROLLOUT}
            self.seen["rollout"] = rollout | {"raw_advantages": raw}
        orders.append([(3 * i + len(orders)) % n for i in range(n)])
        return torch.tensor(orders[-1])

    def backward(self, loss: Tensor) -> None:
        """Record a minibatch after the forward passes of both models."""
        names = sys._getframe(1).f_locals
        self.seen["steps"].append({name: names[name].detach().clone() for name in ANSWERED})
        loss.backward()

    def log(self, metrics: dict[str, float]) -> None:
        """Record the state after all epochs."""
        names = sys._getframe(1).f_locals
        self.seen["statistics"] = {name: names[f"{name}_stats"][..., 0] for name in STATISTICS}
        self.seen["logged"] = {name: value for name, value in metrics.items() if name != "eps"}


def recorded_update(answers: list[list[int]], differing: dict[str, Any]) -> dict[str, Any]:
    """Run one update of the trainer and return what was recorded."""
    roles, watch, settings = built(), Watch(), SETTINGS | differing
    ppo_trainer.batch_generation = given(answers)
    ppo_trainer.np = SimpleNamespace(random=SimpleNamespace(permutation=watch.permutation))
    with tempfile.TemporaryDirectory() as folder:
        trainer = PPOTrainer(
            args=PPOConfig(output_dir=folder, seed=0, **settings, **QUIET),
            processing_class=tokenizer(),
            model=roles["policy"],
            ref_model=roles["reference"],
            reward_model=roles["reward"],
            value_model=roles["value"],
            train_dataset=Dataset.from_dict({"input_ids": QUERIES}),
        )
        trainer.log, trainer.accelerator.backward = watch.log, watch.backward
        trainer.train()
    after = {role: stored(roles[role]) for role in ("policy", "value")}
    return {"settings": settings, **watch.seen, "after": after}


def stored(model: torch.nn.Module) -> dict[str, Tensor]:
    """Return the trained weights by name."""
    return {name: tensor.detach() for name, tensor in model.named_parameters()}


def plain(value: Any) -> Any:
    """Convert tensors to lists, numbers to twelve digits."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, Tensor):
        return plain(value.tolist())
    if isinstance(value, list):
        return [plain(each) for each in value]
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
        "cases": plain(cases),
    }
    config.output.parent.mkdir(parents=True, exist_ok=True)
    config.output.write_text(json.dumps(content) + "\n", encoding="utf-8")
    print(f"{len(cases)} updates written to {config.output}")


if __name__ == "__main__":
    main(tyro.cli(Config))
