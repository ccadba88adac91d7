"""Three whole PPO updates of trl 1.12.0, the last version that had PPO, as it computed them.

`scripts/ppo_fixture.py` has recorded them, and says how. Where trl's recipe is not ours:

- The score of an answer that stops early stands on the first padding token, ours on the stop token
  (trl#3750). Such an episode is one step longer, with the value read after the stop token, and the
  critic learns that step too. The mask `paid` holds it; the mask `answers` is the answer alone.
  With `paid` for rewards, GAE and the value loss, our functions make trl's numbers. Where every
  answer fills its row, as in the case "whole", the masks are the same and nothing differs.
- Advantages are whitened once, over the `answers` of the whole rollout, not in each minibatch.
- Whitened rewards, an option, keep their mean, over `paid`.
- Log-probabilities on padding are 1.0 in place of 0. Policy and reference agree, so nothing moves.
- Mean approximate KL (k2, not k3), entropy and ratio run over all positions, padding included.
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
from finetune.sft.policy import Policy, share_layers_as
from gpt.model.gpt import GPT
from gpt.pretrained.folders import from_transformers
from gpt.pretrained.shapes import config_from_transformers
from gpt.pretrained.weights import weights_from_transformers, weights_to_transformers

RECORDED_CASES = ("whole", "stopped", "stopped, k3, whitened rewards")


@cache
def load_recording() -> dict[str, Any]:
    """The file."""
    return json.loads(
        (files("finetune.comparison") / "recorded/ppo_trl_1.12.json").read_text("utf-8")
    )


def recorded_library() -> str:
    """Who computed the numbers."""
    return f"trl {load_recording()['versions']['trl']}, recorded"


@dataclass(frozen=True)
class RecordedUpdate:
    """One update: what went in, what was computed on the way, and what the weights became."""

    settings: dict[str, Any]
    """Those of trl's PPOConfig that matter, by their names there."""
    queries: list[list[int]]
    answers: list[list[int]]
    """Up to and with the stop token, where there is one."""
    rollout: dict[str, Tensor]
    """By the names of trl's own variables; "B U", or " B"."""
    minibatches: list[list[int]]
    """The rows of each step of the optimizer, in order."""
    steps: list[dict[str, Tensor]]
    """Of each step: `new_logprobs` and `vpred` of its rows, and the losses and statistics."""
    logged: dict[str, float]
    after: dict[str, dict[str, Tensor]]
    """Of policy and critic, by our names; "score.weight" is the head of the critic."""

    @property
    def answer_mask(self) -> Bool[Tensor, "B U"]:
        """True on the tokens of the answers."""
        return ~self.rollout["padding_mask"]

    @property
    def paid_mask(self) -> Bool[Tensor, "B U"]:
        """The same, and the one more step of an answer that stopped early."""
        return ~self.rollout["padding_mask_p1"]


def load_recorded_update(case: str) -> RecordedUpdate:
    """One of `RECORDED_CASES`."""
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
    )


def as_tensor(values: Any) -> Tensor:
    """Numbers in float64, masks and tokens as they are."""
    tensor = torch.tensor(values)
    return torch.tensor(values, dtype=torch.float64) if tensor.is_floating_point() else tensor


def initial_policy(role: str) -> Policy:
    """The policy or the reference, as it was before the update."""
    return share_layers_as(
        Policy, from_transformers(recorded_model_config(), initial_weights(role))
    )


def initial_scorer(role: str) -> Scorer:
    """The value or the reward model, as it was before the update."""
    weights = initial_weights(role)
    head = weights.pop("score.weight")
    scorer = as_scorer(from_transformers(recorded_model_config(), weights))
    scorer.score.weight.data = head
    return scorer


def initial_weights(role: str) -> dict[str, Tensor]:
    """The weights of a role by transformers' names, from the formula in the file.

    Weight i of tensor k is 0.5 sin(phase + k + i^2), plus 1 where it is the gain of a norm.
    """
    shape, phase = (
        config_from_transformers(recorded_model_config()),
        load_recording()["phases"][role],
    )
    sizes = {
        name: each.shape
        for name, each in weights_to_transformers(GPT(shape).state_dict(), shape).items()
    }
    if role in ("value", "reward"):
        sizes["score.weight"] = torch.Size([1, shape.d_model])
    weights = {}
    for k, (name, size) in enumerate(sorted(sizes.items())):
        waves = [0.5 * math.sin(phase + k + i * i) for i in range(size.numel())]
        gain = name.endswith(("ln_1.weight", "ln_2.weight", "ln_f.weight"))
        weights[name] = torch.tensor(waves, dtype=torch.float64).view(size) + gain
    return weights


def weights_by_our_names(theirs: dict[str, list[Any]]) -> dict[str, Tensor]:
    """Recorded weights by the names of ours."""
    weights = {name: as_tensor(values) for name, values in theirs.items()}
    head = {"score.weight": weights.pop("score.weight")} if "score.weight" in weights else {}
    return (
        weights_from_transformers(weights, config_from_transformers(recorded_model_config())) | head
    )


def recorded_model_config() -> dict[str, Any]:
    """The shape of all four models, in the words of transformers."""
    no_dropout = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
    shape = {
        name: size
        for name, size in load_recording()["model"].items()
        if name not in ("stop", "pad")
    }
    return {"model_type": "gpt2"} | no_dropout | shape
