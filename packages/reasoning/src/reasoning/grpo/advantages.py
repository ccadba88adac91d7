"""Advantages of GRPO: how much better an answer was than the other answers to its prompt.

A group is G answers to one prompt. Their mean reward replaces the critic, and all tokens of an
answer share its advantage (Shao et al. 2024, "DeepSeekMath", section 4.1.2):

    A_i = (r_i - mean of the group) / (std of the group + 1e-4)

The standard deviation has the divisor G - 1, as in trl. Liu et al. (2025, "Understanding
R1-Zero-like training", section 3.1) drop the division, which gives problems that are nearly always
or nearly never solved more weight than others. `batch` divides by the standard deviation of the
rewards of all groups.
"""

from typing import Literal

from jaxtyping import Bool, Float
from torch import Tensor

from gpt.errors import BadInput

Scaling = Literal["group", "batch", "none"]
STD_OFFSET = 1e-4
"""Added to a standard deviation before dividing by it."""


def group_advantages(
    rewards: Float[Tensor, " B"], group_size: int, scaling: Scaling = "group"
) -> Float[Tensor, " B"]:
    """Return the advantage of each answer; the answers of a group are adjacent.

    Raises:
        BadInput: a group has fewer than two answers, or the last one is incomplete.
    """
    groups = split_into_groups(rewards, group_size)
    centred = groups - groups.mean(dim=1, keepdim=True)
    # the mean of equal rewards can differ from them in its last bit, and Adam would enlarge that
    centred = centred.masked_fill(flat_groups(groups)[:, None], 0.0)
    if scaling == "group":
        centred = centred / (groups.std(dim=1, keepdim=True) + STD_OFFSET)
    elif scaling == "batch":
        centred = centred / (rewards.std() + STD_OFFSET)
    return centred.flatten()


def is_in_flat_group(rewards: Float[Tensor, " B"], group_size: int) -> Bool[Tensor, " B"]:
    """Return for each answer whether all answers of its group have the same reward.

    The advantages of such answers are 0, so they teach nothing and can be skipped.
    """
    groups = split_into_groups(rewards, group_size)
    return flat_groups(groups).repeat_interleave(group_size)


def flat_groups(groups: Float[Tensor, "M G"]) -> Bool[Tensor, " M"]:
    """Return for each group whether all of its rewards are the same."""
    return groups.amin(dim=1) == groups.amax(dim=1)


def split_into_groups(rewards: Float[Tensor, " B"], group_size: int) -> Float[Tensor, "M G"]:
    """Return one row per group.

    Raises:
        BadInput: a group has fewer than two answers, or the last one is incomplete.
    """
    if group_size < 2:
        raise BadInput(f"a group needs at least 2 answers to compare, got {group_size}")
    if len(rewards) % group_size:
        raise BadInput(f"{len(rewards)} rewards cannot be split into groups of {group_size}")
    return rewards.view(-1, group_size)
