"""Detectors for the numbers of a run: each takes one or two columns of its log.

Thresholds are arguments; the defaults pass healthy runs and detect gross faults.
"""

import math
from collections.abc import Sequence
from statistics import fmean, stdev

from finetune.diagnosis.pitfalls import Finding
from gpt.evaluation.intervals import student_quantile

LN2 = math.log(2)
KL_ROUNDING = 1e-4  # nats per answer


def last_fifth(values: Sequence[float]) -> float:
    """Mean of the last fifth of a column."""
    return fmean(values[-max(1, len(values) // 5) :])


def non_finite_values(values: Sequence[float]) -> Finding | None:
    """Find NaN or infinity; the value is the number of the first such record."""
    first = next((step for step, value in enumerate(values) if not math.isfinite(value)), None)
    if first is None:
        return None
    return Finding(
        "not finite",
        f"record {first} is {values[first]}; go back to the checkpoint before it, lower the "
        "learning rate, and look for rows without trained tokens and logarithms of 0",
        first,
    )


def stuck_at_ln2(losses: Sequence[float], steps: int = 5) -> Finding | None:
    """Find a preference loss that stays at its initial value ln 2: no margin changes."""
    later = losses[1:]
    gap = max((abs(loss - LN2) for loss in later), default=math.inf)
    return Finding.unless(
        len(later) < steps or gap > 1e-4,
        "stuck at ln 2",
        f"after {len(losses)} steps the loss is ln 2 to within {gap:.1g}: policy and reference are "
        "the same model, or nothing is trained; check the share of trained weights, the learning "
        "rate, and whether the reference is a copy",
        gap,
    )


def first_loss_not_ln2(losses: Sequence[float], tolerance: float = 1e-3) -> Finding | None:
    """Find a preference loss that does not start at ln 2: the models differ before any step."""
    gap = abs(losses[0] - LN2)
    return Finding.unless(
        gap <= tolerance,
        "first loss not ln 2",
        f"the first loss is {losses[0]:.4f}, not 0.6931; score both models without dropout, in the "
        "same format, with the same mask, and start from the same weights",
        gap,
    )


def growing_loss(losses: Sequence[float], factor: float = 1.5) -> Finding | None:
    """Find a loss that ends above that of the first batch: the learning rate is too high."""
    ratio = last_fifth(losses) / max(losses[0], 1e-12)
    return Finding.unless(
        ratio <= factor,
        "growing loss",
        f"the loss ends at {ratio:.1f} times its initial value; divide the learning rate by ten, "
        "or find one with the range test (`lr_range_test`)",
        ratio,
    )


def overfitting(
    training: Sequence[float], held_out: Sequence[float], rise: float = 0.05
) -> Finding | None:
    """Find a held-out loss that rises while the training loss falls; both at the same steps."""
    best = min(range(len(held_out)), key=held_out.__getitem__)
    increase = held_out[-1] / max(held_out[best], 1e-12) - 1
    return Finding.unless(
        increase <= rise or training[-1] >= training[best],
        "overfitting",
        f"the held-out loss was lowest at validation {best + 1} of {len(held_out)} and is now "
        f"{increase:.0%} higher; keep that checkpoint, and train for fewer epochs or on more rows",
        increase,
    )


def no_gradient(norms: Sequence[float]) -> Finding | None:
    """Find steps whose gradient is zero."""
    share = fmean(norm == 0 for norm in norms)
    return Finding.unless(
        share <= 0.1,
        "no gradient",
        f"the gradient was zero in {share:.0%} of the steps; is the loss detached, or are all "
        "advantages zero?",
        share,
    )


def no_advantage(rewards: Sequence[Sequence[float]], most: float = 0.5) -> Finding | None:
    """Find groups of answers with equal rewards, whose advantages within the group are zero."""
    share = fmean(len({*group}) == 1 for group in rewards)
    return Finding.unless(
        share <= most,
        "no advantage",
        f"in {share:.0%} of the groups all answers have the same reward, so they teach nothing; "
        "use easier or harder prompts, more answers, or a reward with more levels, and check that "
        "the reward reads the answer at all",
        share,
    )


def negative_kl(estimates: Sequence[float]) -> Finding | None:
    r"""Find a mean of k1 = log pi - log pi_ref that is below zero by more than chance.

    Single estimates may be negative; their mean estimates a KL divergence, which is not negative
    if the texts were drawn from pi. The value is the mean in standard errors; by chance it is
    reported once in 1,000 runs (Student 1908).
    """
    n, mean = len(estimates), fmean(estimates)
    t = mean / max(stdev(estimates) / math.sqrt(n), 1e-12)
    return Finding.unless(
        mean > -KL_ROUNDING or t > -student_quantile(0.998, n - 1),
        "negative KL",
        f"the mean of log pi - log pi_ref is {mean:.3g}, {-t:.0f} standard errors below zero: the "
        "texts were not drawn from pi as it is scored (temperature, top-k, dropout, padding), or "
        "the sign is wrong",
        t,
    )


def exploding_kl(kls: Sequence[float], limit: float = 30.0) -> Finding | None:
    """Find a policy that has moved far from its reference by the end, in nats per answer."""
    last = last_fifth(kls)
    return Finding.unless(
        last <= limit,
        "exploding KL",
        f"the KL from the reference has reached {last:.0f} nats per answer; raise the KL "
        "coefficient, lower the learning rate or the epochs per phase, and read the answers: the "
        "reward may be hacked",
        last,
    )


def collapsed_entropy(entropies: Sequence[float], share: float = 0.1) -> Finding | None:
    """Find a policy that has become certain, so that it explores and learns nothing more."""
    left = last_fifth(entropies) / max(entropies[0], 1e-12)
    return Finding.unless(
        left >= share,
        "collapsed entropy",
        f"the entropy is down to {left:.1%} of its initial value; raise the KL coefficient or the "
        "entropy bonus, lower the learning rate, and compare the answers to different prompts",
        left,
    )


def never_stops(stopped: Sequence[bool] | Sequence[float], least: float = 0.5) -> Finding | None:
    """Report that fewer than a share `least` of the answers end by themselves.

    Args:
        stopped: whether each answer ended by itself, or the share that did in each phase.
        least: the smallest share that is not reported.
    """
    share = fmean(stopped)
    return Finding.unless(
        share >= least,
        "never stops",
        f"only {share:.0%} of the answers end by themselves; is the stop token trained, is the "
        "chat template applied to the prompt, and does generation look for the right token?",
        share,
    )
