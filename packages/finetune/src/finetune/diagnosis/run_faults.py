"""Faults that show in the numbers of a run: each detector takes one column of its log, or two.

Thresholds are arguments; where they stand they leave healthy runs alone and find gross faults.
"""

import math
from collections.abc import Sequence
from statistics import fmean, stdev

from finetune.diagnosis.pitfalls import Finding
from finetune.evaluation.intervals import student_quantile

LN2 = math.log(2)
KL_ROUNDING = 1e-4  # nats an answer


def non_finite_values(values: Sequence[float]) -> Finding | None:
    """NaN or infinity; the value is the first step that has it."""
    bad = [step for step, value in enumerate(values) if not math.isfinite(value)]
    if not bad:
        return None
    return Finding(
        "not finite",
        f"record {bad[0]} is {values[bad[0]]}; go back to the checkpoint before, take a smaller "
        "rate, and look for rows without counted tokens and logarithms of 0",
        bad[0],
    )


def stuck_at_ln2(losses: Sequence[float], steps: int = 5) -> Finding | None:
    """A preference loss that does not leave ln 2, where it begins: no margin ever moves."""
    later = losses[1:]
    gap = max((abs(loss - LN2) for loss in later), default=math.inf)
    if len(later) < steps or gap > 1e-4:
        return None
    return Finding(
        "stuck at ln 2",
        f"after {len(losses)} steps the loss is ln 2 to {gap:.1g}: policy and reference are one, "
        "or nothing is trained; look at the share of trained weights, the rate, and whether the "
        "reference is a copy",
        gap,
    )


def first_loss_not_ln2(losses: Sequence[float], tolerance: float = 1e-3) -> Finding | None:
    """A preference loss that does not begin at ln 2: policy and reference differ before a step."""
    gap = abs(losses[0] - LN2)
    if gap <= tolerance:
        return None
    return Finding(
        "first loss not ln 2",
        f"the first loss is {losses[0]:.4f}, not 0.6931; score both models without dropout, in the "
        "same format, with the same mask, and start from the same weights",
        gap,
    )


def growing_loss(losses: Sequence[float], factor: float = 1.5) -> Finding | None:
    """A loss that ends above that of the first batch, before any step: the rate is too high."""
    ratio = fmean(losses[-max(1, len(losses) // 5) :]) / max(losses[0], 1e-12)
    if ratio <= factor:
        return None
    return Finding(
        "growing loss",
        f"the loss ends at {ratio:.1f} times its beginning; take a tenth of the rate, or find one "
        "with the range test (rate_range)",
        ratio,
    )


def overfitting(
    training: Sequence[float], held_out: Sequence[float], rise: float = 0.05
) -> Finding | None:
    """A held-out loss that rises again while the training loss falls; both at the same steps."""
    best = min(range(len(held_out)), key=held_out.__getitem__)
    risen = held_out[-1] / max(held_out[best], 1e-12) - 1
    if risen <= rise or training[-1] >= training[best]:
        return None
    return Finding(
        "overfitting",
        f"the held-out loss was lowest at validation {best + 1} of {len(held_out)} and is now "
        f"{risen:.0%} higher; keep the checkpoint of then, and take fewer epochs or more rows",
        risen,
    )


def no_gradient(norms: Sequence[float]) -> Finding | None:
    """Steps with a gradient of length zero."""
    share = fmean(norm == 0 for norm in norms)
    if share <= 0.1:
        return None
    return Finding(
        "no gradient",
        f"the gradient was zero in {share:.0%} of the steps; is the loss detached, or are all "
        "advantages zero?",
        share,
    )


def no_advantage(rewards: Sequence[Sequence[float]], most: float = 0.5) -> Finding | None:
    """Groups of answers that are all rewarded alike: what is better than its group, is nothing."""
    share = fmean(len({*group}) == 1 for group in rewards)
    if share <= most:
        return None
    return Finding(
        "no advantage",
        f"in {share:.0%} of the groups all answers have the same reward, so they teach nothing; "
        "take easier or harder prompts, more answers, a reward with more steps, and check that the "
        "reward reads the answer at all",
        share,
    )


def negative_kl(estimates: Sequence[float]) -> Finding | None:
    r"""A mean of k1 = log pi - log pi_ref below zero by more than chance allows.

    Single ones may be negative; their mean is a KL divergence, which is not, if the texts were
    drawn from pi. The value is the mean in standard errors; by chance it is named once in 1,000
    runs (Student 1908).
    """
    n, mean = len(estimates), fmean(estimates)
    t = mean / max(stdev(estimates) / math.sqrt(n), 1e-12)
    if mean > -KL_ROUNDING or t > -student_quantile(0.998, n - 1):
        return None
    return Finding(
        "negative KL",
        f"the mean of log pi - log pi_ref is {mean:.3g}, {-t:.0f} standard errors "
        "below zero: the texts are not drawn from pi as it is scored (temperature, top-k, dropout, "
        "padding), or the sign is wrong",
        t,
    )


def exploding_kl(kls: Sequence[float], limit: float = 30.0) -> Finding | None:
    """A policy that has left its reference: nats per answer, at the end of the run."""
    last = fmean(kls[-max(1, len(kls) // 5) :])
    if last <= limit:
        return None
    return Finding(
        "exploding KL",
        f"the KL from the reference has come to {last:.0f} nats an answer; raise beta, lower the "
        "rate or the passes over a rollout, and read the answers: the reward may be hacked",
        last,
    )


def collapsed_entropy(entropies: Sequence[float], share: float = 0.1) -> Finding | None:
    """A policy that has become certain: it tries nothing new, and learns nothing more."""
    left = fmean(entropies[-max(1, len(entropies) // 5) :]) / max(entropies[0], 1e-12)
    if left >= share:
        return None
    return Finding(
        "collapsed entropy",
        f"the entropy is down to {left:.1%} of its beginning; raise beta or the entropy bonus, "
        "lower the rate, and compare the answers to different prompts",
        left,
    )


def never_stops(stopped: Sequence[bool] | Sequence[float], least: float = 0.5) -> Finding | None:
    """Answers that are cut off; `stopped` is whether each ended by itself, or shares of such."""
    share = fmean(stopped)
    if share >= least:
        return None
    return Finding(
        "never stops",
        f"only {share:.0%} of the answers end by themselves; is the stop token trained, is the "
        "chat template applied to the prompt, and does generation look for the right token?",
        share,
    )
