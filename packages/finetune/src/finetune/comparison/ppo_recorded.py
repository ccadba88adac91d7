"""Three complete PPO updates recorded from trl 1.12.0, the last version with PPO.

`scripts/ppo_fixture.py` recorded them and documents how. trl's recipe differs from ours:

- For an answer that stops early, trl gives the score to the first padding token and we give it to
  the stop token (trl#3750). In trl such an episode is one step longer, its last value is read after
  the stop token, and the critic is trained on that step too. `reward_mask` includes that step;
  `answer_mask` covers only the answer. With `reward_mask` for rewards, GAE and the value loss, our
  functions compute trl's numbers. Where every answer fills its row, as in the case "whole", both
  masks are equal and nothing differs.
- Advantages are whitened once, over all answers of the rollout, not in each minibatch.
- Whitened rewards, an option, keep their mean over `reward_mask`.
- Log-probabilities of padding are 1.0 instead of 0 for both policy and reference, which cancels.
- Mean approximate KL (k2, not k3), entropy and ratio are averaged over all positions, including
  padding.
- Both models share one AdamW; there is no entropy bonus, and gradients are not clipped.
"""

import json
import math
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from finetune.reward.scorer import Scorer, as_scorer
from gpt.model.gpt import GPT
from gpt.policy.policy import Policy, share_layers_as
from gpt.pretrained.folders import from_transformers
from gpt.pretrained.shapes import config_from_transformers
from gpt.pretrained.weights import weights_from_transformers, weights_to_transformers

RECORDED_CASES = ("whole", "stopped", "stopped, k3, whitened rewards")


@cache
def load_recording() -> dict[str, Any]:
    """Read the recorded file."""
    return json.loads(
        (files("finetune.comparison") / "recorded/ppo_trl_1.12.json").read_text("utf-8")
    )


@dataclass(frozen=True)
class RecordedUpdate:
    """Inputs, intermediate values and resulting weights of one update."""

    settings: dict[str, Any]
    """Fields of trl's PPOConfig that affect the numbers, under their names there."""
    queries: list[list[int]]
    answers: list[list[int]]
    """Tokens up to and including the stop token, if there is one."""
    rollout: dict[str, Tensor]
    """Tensors "B U" or " B" under the names of trl's variables."""
    minibatches: list[list[int]]
    """Row numbers of each optimizer step, in order."""
    steps: list[dict[str, Tensor]]
    """For each step: `new_logprobs` and `vpred` of its rows, losses and statistics."""
    logged: dict[str, float]
    weights_after: dict[str, dict[str, Tensor]]
    """Weights of policy and critic under our names; "score.weight" is the head of the critic."""
    answer_mask: Bool[Tensor, "B U"]
    """True on the answer's tokens."""
    reward_mask: Bool[Tensor, "B U"]
    """True on the answer's tokens, and on the first padding token after an early stop."""


def load_recorded_update(case: str) -> RecordedUpdate:
    """Load one of `RECORDED_CASES`."""
    stored, pad = load_recording()["cases"][case], load_recording()["model"]["pad"]
    rollout = {name: as_tensor(values) for name, values in stored["rollout"].items()}
    queries, answers = (
        [[token for token in row if token != pad] for row in stored["rollout"][name]]
        for name in ("queries", "responses")
    )
    n = stored["settings"]["num_mini_batches"]
    minibatches = [part for order in stored["orders"] for part in torch.tensor(order).chunk(n)]
    steps = [{name: as_tensor(each) for name, each in step.items()} for step in stored["steps"]]
    for name, values in stored["statistics"].items():
        for step, value in zip(steps, as_tensor(values).flatten(), strict=True):
            step[name] = value
    after = {role: weights_by_our_names(weights) for role, weights in stored["after"].items()}
    return RecordedUpdate(
        stored["settings"],
        queries,
        answers,
        rollout,
        [part.tolist() for part in minibatches],
        steps,
        stored["logged"],
        after,
        ~rollout["padding_mask"],
        ~rollout["padding_mask_p1"],
    )


def as_tensor(values: Any) -> Tensor:
    """Convert to a tensor: float64 for real numbers, masks and tokens unchanged."""
    tensor = torch.tensor(values)
    return torch.tensor(values, dtype=torch.float64) if tensor.is_floating_point() else tensor


def initial_policy(role: str) -> Policy:
    """Rebuild the policy or the reference as it was before the update."""
    return share_layers_as(
        Policy, from_transformers(recorded_model_config(), initial_weights(role))
    )


def initial_scorer(role: str) -> Scorer:
    """Rebuild the value or the reward model as it was before the update."""
    weights = initial_weights(role)
    head = weights.pop("score.weight")
    scorer = as_scorer(from_transformers(recorded_model_config(), weights))
    scorer.score.weight.data = head
    return scorer


def initial_weights(role: str) -> dict[str, Tensor]:
    """Compute the initial weights of a role, under transformers' names, from the file's formula.

    Weight i of tensor k is 0.5 sin(phase + k + i^2), plus 1 where it is the gain of a norm.
    """
    shape = config_from_transformers(recorded_model_config())
    phase = load_recording()["phases"][role]
    tensors = weights_to_transformers(GPT(shape).state_dict(), shape)
    sizes = {name: each.shape for name, each in tensors.items()}
    if role in ("value", "reward"):
        sizes["score.weight"] = torch.Size([1, shape.d_model])
    weights = {}
    for k, (name, size) in enumerate(sorted(sizes.items())):
        waves = [0.5 * math.sin(phase + k + i * i) for i in range(size.numel())]
        gain = name.endswith(("ln_1.weight", "ln_2.weight", "ln_f.weight"))
        weights[name] = torch.tensor(waves, dtype=torch.float64).view(size) + gain
    return weights


def weights_by_our_names(theirs: dict[str, list[Any]]) -> dict[str, Tensor]:
    """Rename recorded weights to our names."""
    weights = {name: as_tensor(values) for name, values in theirs.items()}
    head = {"score.weight": weights.pop("score.weight")} if "score.weight" in weights else {}
    config = config_from_transformers(recorded_model_config())
    return weights_from_transformers(weights, config) | head


def recorded_model_config() -> dict[str, Any]:
    """Config of all four models, in the format of transformers."""
    no_dropout = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
    shape = {
        name: size
        for name, size in load_recording()["model"].items()
        if name not in ("stop", "pad")
    }
    return {"model_type": "gpt2"} | no_dropout | shape
