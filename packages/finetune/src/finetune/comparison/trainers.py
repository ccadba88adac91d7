"""Rows of SFT, reward models and DPO: complete trainers of trl next to our training loop."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from finetune.comparison.interleaved import Benchmark, LibraryRun, OurRun, benchmark_rows
from finetune.dpo.losses import dpo_loss, ipo_loss, robust_dpo_loss
from finetune.dpo.margins import Reduction, mean_logprob, sum_logprob
from finetune.dpo.pairs import TokenPair, pair_rows
from finetune.dpo.training import MarginLoss, train_dpo
from finetune.reward.scorer import Scorer
from finetune.reward.training import train_reward_model
from finetune.sft.training import train_sft
from gpt.comparison.rows import ComparisonRow
from gpt.policy.policy import Policy
from gpt.policy.rows import Example, pad_examples, prompt_answer_example
from gpt.training.loop import StepRecord

COMPARED_BETA = 0.1
LABEL_SMOOTHING = 0.2


def sft_trainer_rows(benchmark: Benchmark, floor: float) -> list[ComparisonRow]:
    """Compare supervised fine-tuning; the loss covers the answers only."""
    from finetune import baselines
    from gpt.comparison.baselines import our_policy

    library = baselines.llama_model(benchmark.size)
    ours, pairs = our_policy(library), benchmark.pairs(library.config.vocab_size)
    our_run = OurRun(ours, sft_loop(benchmark, pairs, ours))
    make_trainer = partial(baselines.sft_trainer, library, chosen_examples(pairs))
    return benchmark_rows("SFT", benchmark, our_run, LibraryRun(library, make_trainer), floor)


def sft_loop(benchmark: Benchmark, pairs: list[TokenPair], policy: Policy) -> Iterator[StepRecord]:
    """Train our policy on the preferred answers."""
    batches = benchmark.batches(chosen_examples(pairs), pad_examples)
    return train_sft(policy, batches, benchmark.loop())


def chosen_examples(pairs: list[TokenPair]) -> list[Example]:
    """Make an SFT example of each prompt and its preferred answer."""
    return [prompt_answer_example(pair.prompt, pair.chosen) for pair in pairs]


def reward_trainer_rows(benchmark: Benchmark, floor: float) -> list[ComparisonRow]:
    """Compare the training of a reward model on pairs: losses in fp32, weights in float64.

    What both texts of a pair share has nearly opposite gradients in them. In fp32 the sum is a
    rounding error for some weights, and AdamW makes a step of the usual length of it.
    """
    in_float64 = reward_rows(replace(benchmark, timed_steps=0), floor, exact=True)
    losses, _ = reward_rows(benchmark, floor)
    weights = in_float64[1]
    return [losses, replace(weights, library=f"{weights.library}, float64", tolerance=1e-9)]


def reward_rows(benchmark: Benchmark, floor: float, exact: bool = False) -> list[ComparisonRow]:
    """Compare losses and weights of a reward model in fp32, or if `exact` in float64."""
    from finetune import baselines
    from finetune.lora.baselines import in_float64

    library = baselines.llama_reward_model(benchmark.size)
    ours, pairs = baselines.our_scorer(library), benchmark.pairs(library.config.vocab_size)
    if exact:
        library, ours = in_float64(library), ours.double()
    our_run = OurRun(ours, reward_loop(benchmark, pairs, ours))
    make_trainer = partial(baselines.reward_trainer, library, pairs)
    return benchmark_rows("reward", benchmark, our_run, LibraryRun(library, make_trainer), floor)


def reward_loop(
    benchmark: Benchmark, pairs: list[TokenPair], scorer: Scorer
) -> Iterator[StepRecord]:
    """Train our scorer on pairs."""
    return train_reward_model(scorer, benchmark.batches(pairs, pair_rows), benchmark.loop())


def dpo_trainer_rows(
    benchmark: Benchmark, floor: float, kind: str = "sigmoid"
) -> list[ComparisonRow]:
    """Compare DPO; both sides run the reference within the step, as trl does by default."""
    from finetune import baselines
    from gpt.comparison.baselines import our_policy

    models = baselines.llama_model(benchmark.size), baselines.llama_model(benchmark.size)
    library, reference = models
    ours, our_reference = (our_policy(each) for each in models)
    pairs, loss = benchmark.pairs(library.config.vocab_size), dpo_losses()[kind]
    options = {"loss_type": kind, "beta": COMPARED_BETA, "label_smoothing": LABEL_SMOOTHING}
    our_run = OurRun(ours, dpo_loop(benchmark, pairs, ours, our_reference, loss))
    library_run = LibraryRun(
        library,
        lambda arguments: baselines.dpo_trainer(library, reference, pairs, arguments | options),
    )
    return benchmark_rows(f"DPO, {kind}", benchmark, our_run, library_run, floor)


def dpo_losses() -> dict[str, tuple[MarginLoss, Reduction]]:
    """Return our losses under trl's names; its IPO averages log-probabilities over tokens."""
    robust = partial(robust_dpo_loss, smoothing=LABEL_SMOOTHING)
    return {
        "sigmoid": (dpo_loss, sum_logprob),
        "ipo": (ipo_loss, mean_logprob),
        "robust": (robust, sum_logprob),
    }


def dpo_loop(
    benchmark: Benchmark,
    pairs: list[TokenPair],
    policy: Policy,
    reference: Policy,
    loss: tuple[MarginLoss, Reduction],
) -> Iterator[StepRecord]:
    """Train our policy on pairs."""
    batches, objective = benchmark.batches(pairs, pair_rows), (loss[0], COMPARED_BETA, loss[1])
    return train_dpo(policy, reference, batches, benchmark.loop(), *objective)
