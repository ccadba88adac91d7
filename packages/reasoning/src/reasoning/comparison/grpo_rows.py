"""Rows of the GRPO family: our losses and trl's on the same answers, rewards and old policy.

The loss is that of a whole batch of answers with different lengths, run through both models, and
the gradients of all weights are compared. trl computes the advantages itself, from the same
rewards. Old log-probabilities are drawn at random around the new ones: at a ratio of 1 nothing is
clipped, and group advantages add up to a loss near 0 whatever the code does.
"""

import random
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from gpt.comparison.rows import (
    ComparisonRow,
    max_abs_difference,
    max_abs_difference_by_name,
)
from gpt.policy.policy import Policy
from gpt.policy.rollouts import align_answers, aligned_answer_mask
from gpt.policy.rows import Rows, pad_examples, prompt_answer_example
from gpt.pretrained.weights import weights_from_transformers
from reasoning.grpo.advantages import Scaling, group_advantages
from reasoning.grpo.config import GRPOHyperparameters
from reasoning.grpo.grpo import RolloutBatch, minibatch_loss

if TYPE_CHECKING:
    from reasoning.baselines import ScoredAnswers

GRPO_TOLERANCE = 1e-5
GROUP_SIZE, LONGEST = 4, 12
SCALINGS: tuple[Scaling, ...] = get_args(Scaling)
COMPARED_KL = 0.1


class ComparedLoss(NamedTuple):
    """A loss under our name with its limits, and trl's settings for it."""

    ours: Any
    epsilon_low: float | None
    epsilon_high: float
    settings: dict[str, Any]

    def hyperparameters(self, scaling: Scaling, **others: Any) -> GRPOHyperparameters:
        """Return our settings."""
        return GRPOHyperparameters(
            loss=self.ours,
            scaling=scaling,
            epsilon_low=self.epsilon_low,
            epsilon_high=self.epsilon_high,
            group_size=GROUP_SIZE,
            max_new_tokens=LONGEST,
            **others,
        )

    def library_settings(self, scaling: Scaling) -> dict[str, Any]:
        """Return trl's settings; without `epsilon_high`, its CISPO would cap ratios at 0.2."""
        return self.settings | {
            "epsilon": self.epsilon_low or 0.2,
            "epsilon_high": self.epsilon_high,
            "scale_rewards": scaling,
            "max_completion_length": LONGEST,
        }


COMPARED_LOSSES = {
    "GRPO": ComparedLoss("grpo", 0.2, 0.2, {"loss_type": "grpo"}),
    "Dr. GRPO": ComparedLoss("dr_grpo", 0.2, 0.2, {"loss_type": "dr_grpo"}),
    "DAPO": ComparedLoss("dapo", 0.2, 0.28, {"loss_type": "dapo"}),
    "CISPO": ComparedLoss("cispo", None, 5.0, {"loss_type": "cispo"}),
    "GSPO": ComparedLoss(
        "gspo", 0.03, 0.04, {"loss_type": "grpo", "importance_sampling_level": "sequence"}
    ),
    "BNPO, one minibatch": ComparedLoss("dapo", 0.2, 0.2, {"loss_type": "bnpo"}),
}
"""With one minibatch per rollout BNPO divides by the same tokens as DAPO."""


class LossAndGradient(NamedTuple):
    """A mean loss, and its gradient under our names."""

    loss: Float[Tensor, ""]
    gradient: dict[str, Tensor]

    def difference(self, other: "LossAndGradient") -> float:
        """Return the largest difference of the loss, or of the gradient of a weight."""
        return max(
            max_abs_difference(self.loss, other.loss),
            max_abs_difference_by_name(self.gradient, other.gradient),
        )


class LossInputs(NamedTuple):
    """Two models with the same weights, and the answers that both learn from."""

    ours: Policy
    library: Any
    answers: "ScoredAnswers"
    old_logprobs: Float[Tensor, "B A"]
    reference_logprobs: Float[Tensor, "B A"]


def random_answers(seed: int, vocab_size: int) -> "ScoredAnswers":
    """Draw three groups of answers of different lengths; one has equal rewards."""
    from reasoning.baselines import ScoredAnswers

    draw, prompts, answers, rewards = random.Random(seed), [], [], []
    for group in range(3):
        prompt = [draw.randrange(2, vocab_size) for _ in range(draw.randint(2, 6))]
        for _ in range(GROUP_SIZE):
            length = draw.randint(1, LONGEST)
            answers.append([draw.randrange(2, vocab_size) for _ in range(length)])
            rewards.append(1.0 if group == 1 else draw.random() + draw.randint(0, 1))
            prompts.append(prompt)
    return ScoredAnswers(prompts, answers, rewards)


def loss_inputs(seed: int = 0) -> LossInputs:
    """Make the models, the answers, and log-probabilities of an old policy and of a reference."""
    from gpt.baselines import small_model
    from gpt.comparison.baselines import our_policy

    library = small_model("llama")
    ours, answers = our_policy(library), random_answers(seed, library.config.vocab_size)
    rows = answers_as_rows(answers)
    width = aligned_answer_mask(rows).shape[1]
    with torch.no_grad():
        logprobs = align_answers(ours(rows.tokens, rows.mask), rows, width)
    old, reference = (logprobs + torch.randn_like(logprobs) for _ in range(2))
    return LossInputs(ours, library, answers, old, reference)


def answers_as_rows(answers: "ScoredAnswers") -> Rows:
    """Return the answers as a padded batch."""
    pairs = zip(answers.prompts, answers.answers, strict=True)
    return pad_examples([prompt_answer_example(*pair) for pair in pairs])


def answer_batch(
    answers: "ScoredAnswers",
    config: GRPOHyperparameters,
    old_logprobs: Float[Tensor, "B A"],
    reference_logprobs: Float[Tensor, "B A"],
) -> RolloutBatch:
    """Return the answers with their advantages, as `grpo` makes them after a rollout."""
    rows = answers_as_rows(answers)
    mask = aligned_answer_mask(rows)
    advantages = group_advantages(torch.tensor(answers.rewards), config.group_size, config.scaling)
    divisors = config.group_loss.divisors(mask, config.max_new_tokens)
    return RolloutBatch(rows, mask, old_logprobs, reference_logprobs, advantages, divisors)


def our_loss(inputs: LossInputs, config: GRPOHyperparameters) -> tuple[LossAndGradient, float]:
    """Return our loss and gradient, and the share of tokens whose ratio is outside the limits."""
    from gpt.baselines import named_gradients

    model = inputs.ours
    model.zero_grad()
    batch = answer_batch(inputs.answers, config, inputs.old_logprobs, inputs.reference_logprobs)
    found = minibatch_loss(model, batch, config)
    mean = found.loss.total / found.loss.terms
    mean.backward()
    return LossAndGradient(mean.detach(), named_gradients(model)), found.clipped / found.n_tokens


def library_loss(inputs: LossInputs, settings: dict[str, Any], kl_coef: float) -> LossAndGradient:
    """Return trl's loss and gradient."""
    from gpt.baselines import named_gradients
    from reasoning import baselines

    with tempfile.TemporaryDirectory() as name:
        trainer = baselines.grpo_trainer(
            inputs.library, [inputs.answers], GROUP_SIZE, Path(name), **settings
        )
        loss = baselines.grpo_loss(trainer, inputs.old_logprobs, inputs.reference_logprobs, kl_coef)
    gradient = named_gradients(inputs.library)
    return LossAndGradient(loss, weights_from_transformers(gradient, inputs.ours.config))


def loss_rows() -> list[ComparisonRow]:
    """Compare all losses, each with three scalings of the advantages, in a few seconds."""
    inputs = loss_inputs()
    rows = [loss_row(inputs, name, 0.0) for name in COMPARED_LOSSES]
    # trl weights the KL of every token with the ratio of its answer in GSPO, we with its own
    with_kl = [name for name in COMPARED_LOSSES if name != "GSPO"]
    return rows + [loss_row(inputs, name, COMPARED_KL) for name in with_kl]


def loss_row(inputs: LossInputs, name: str, kl_coef: float) -> ComparisonRow:
    """Return the largest difference of loss and gradient over all scalings."""
    from gpt.baselines import library_version

    compared, largest, clipped = COMPARED_LOSSES[name], 0.0, 0.0
    for scaling in SCALINGS:
        config = compared.hyperparameters(scaling, kl_coef=kl_coef)
        ours, clipped = our_loss(inputs, config)
        theirs = library_loss(inputs, compared.library_settings(scaling), kl_coef)
        # losses that clip nothing would be equal whatever their limits
        largest = max(largest, ours.difference(theirs) if clipped else float("inf"))
    what = f"{name}{' with KL' if kl_coef else ''}: loss and gradient, {len(SCALINGS)} scalings"
    note = f"{clipped:.0%} of the tokens clipped"
    return ComparisonRow(what, library_version("trl"), largest, GRPO_TOLERANCE, note=note)
