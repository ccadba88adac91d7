"""Parameter counts from sizes equal those of the tensors and the published ones."""

import pytest

from handcalc.calculation import flatten
from handcalc.gradients.check import TARGETS, TOKENS
from handcalc.model.transformer import BLOCKS
from handcalc.model.weights import Shape, initial_weights
from handcalc.toys.counts import (
    GPT2_SMALL,
    GPT3,
    GPTSizes,
    gpt_parameter_counts,
    parameter_counts,
)
from handcalc.training.optimizers import OPTIMIZERS, State, training_step


def test_the_parts_of_the_classic_model():
    assert parameter_counts(Shape(), "classic") == {
        "token": 96, "position": 80, "W_Q, W_K, W_V": 768, "W_O": 256, "W_1": 1024, "b_1": 64,
        "W_2": 1024, "b_2": 16, "gamma, beta": 32, "head": 96,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("block", "n"), [("classic", 3456), ("residual", 3456), ("post-ln", 3488), ("pre-ln", 3520)]
)
def test_the_sums_of_the_four_blocks(block, n):
    assert sum(parameter_counts(Shape(), block).values()) == n


def test_adam_keeps_two_numbers_for_each_weight():
    state = State(0, initial_weights(Shape(), "classic"), {})
    _, state = training_step(state, TOKENS, TARGETS, "classic", OPTIMIZERS["adam"])
    assert sum(len(flatten(tensor)) for tensor in state.memory.values()) == 2 * 3456


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("shape", [Shape(), Shape(7, 3, 6, 3, 5), Shape(4, 9, 2, 1, 11)])
def test_counts_from_sizes_are_those_of_the_tensors(shape, block):
    found = dict.fromkeys(parameter_counts(shape, block), 0)
    for name, tensor in initial_weights(shape, block).items():
        letters = name.split(".")[0]
        (kind,) = [kind for kind in found if letters in kind.split(", ")]
        found[kind] += len(flatten(tensor))
    assert found == parameter_counts(shape, block)


def test_the_counts_of_a_small_gpt_by_hand():
    # rows of 2; attention has 4 matrices of 4 and 4 offsets of 2, feed-forward two matrices of 16
    # and 8 + 2 offsets; two norms in the layer and one after it, with 4 numbers each
    parts = gpt_parameter_counts(GPTSizes(n_layers=1, d_model=2, vocab_size=5, context=3))
    assert list(parts.values()) == [10, 6, 16, 8, 32, 10, 12]


def test_the_published_sizes():
    assert sum(gpt_parameter_counts(GPT2_SMALL).values()) == 124_439_808
    assert gpt_parameter_counts(GPT3)["attention"] == 96 * 603_979_776  # 604 M per layer
    assert round(sum(gpt_parameter_counts(GPT3).values()) / 1e9) == 175
