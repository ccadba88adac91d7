"""Estimates against measurements: to the byte for single parts, within 5 % for the peak."""

import pytest
import torch

from finetune.lora.inject import LoraConfig, n_lora_parameters
from finetune.memory.activations import activation_memory, saved_by_blocks
from finetune.memory.estimate import (
    LLAMA_2_7B,
    StepMemory,
    memory_table,
    step_memory,
)
from finetune.memory.measurement import MeasuredStep
from finetune.memory.step import TrainingStep
from gpt.errors import BadInput
from gpt.evaluation.live_bytes import LiveBytes, saved_activation_bytes
from gpt.model.config import GPTConfig
from gpt.pretrained.smollm2 import SMOLLM2_135M

SMALL = {"vocab_size": 50, "context": 16, "n_layers": 3, "n_heads": 4, "d_model": 16, "d_ff": 40}
GPT2 = GPTConfig(**SMALL, positions="learned", attention_bias=True, dropout=0.1)
LLAMA = GPTConfig(
    **SMALL, n_kv_heads=2, norm_kind="rms", feed_forward="swiglu", ff_bias=False, tied_head=False
)
OURS = GPTConfig(**SMALL)
TEXT = (3, 11, 17)  # rows, positions, scored positions
CASES = [
    (GPT2, TrainingStep(*TEXT)),
    (LLAMA, TrainingStep(*TEXT)),
    (OURS, TrainingStep(*TEXT)),
    (GPTConfig(**SMALL, feed_forward="relu", positions="sinusoidal"), TrainingStep(*TEXT)),
    (GPTConfig(**SMALL, feed_forward="relu2", positions="none"), TrainingStep(*TEXT)),
    (GPTConfig(**SMALL, feed_forward="reglu"), TrainingStep(*TEXT)),
    (GPTConfig(**SMALL, feed_forward="geglu"), TrainingStep(*TEXT)),
    (LLAMA, TrainingStep(*TEXT, "bf16")),
    (GPT2, TrainingStep(*TEXT, "mixed")),
    (LLAMA, TrainingStep(*TEXT, "mixed")),
    (OURS, TrainingStep(*TEXT, lora=LoraConfig(3))),
    (LLAMA, TrainingStep(*TEXT, lora=LoraConfig(3))),
    (LLAMA, TrainingStep(*TEXT, lora=LoraConfig(3, targets=("q", "v")))),
    (LLAMA, TrainingStep(*TEXT, lora=LoraConfig(3, targets=("up",)))),
    (LLAMA, TrainingStep(*TEXT, "bf16", LoraConfig(3, targets=("k", "down")))),
    (LLAMA, TrainingStep(*TEXT, "mixed", LoraConfig(3))),
    (LLAMA, TrainingStep(*TEXT, lora=LoraConfig(3, targets=("q", "v")), quantised=True)),
    (LLAMA, TrainingStep(*TEXT, "mixed", LoraConfig(3, targets=("q", "up")), quantised=True)),
    (GPT2, TrainingStep(*TEXT, checkpoint_activations=True)),
    (LLAMA, TrainingStep(*TEXT, "bf16", LoraConfig(3), checkpoint_activations=True)),
]


def bytes_of(tensors) -> int:
    return sum(each.nbytes for each in tensors)


def tables(model):
    """Return tensors that the model makes once, such as rotary tables."""
    modules = [each for each in (model.rotation, model.positions) if each is not None]
    return [each for m in modules for each in vars(m).values() if isinstance(each, torch.Tensor)]


def test_saved_activations_of_a_block_by_hand():
    """D 4, 2 heads of width 2, F 8; numbers of 4 bytes. Each norm: its input 4, mean, deviation.

    q, k, v 12, rotated q and k 8, a logarithm per head 2, output of the heads 4. The products save
    their inputs: the outputs of both norms, 4 and 4, and the activated values, 8. GELU saves its
    input and a sigmoid, 8 and 8.
    """
    config = GPTConfig(vocab_size=9, context=8, n_layers=1, n_heads=2, d_model=4, d_ff=8)
    _, block, end = saved_by_blocks(config, TrainingStep(1, 8, 8))
    numbers = [4, 2, 4, 12, 4, 2, 8, 4, 2, 4, 8, 8, 8]
    assert [*block.saved_per_position.values()] == [4 * each for each in numbers]
    assert block.total_bytes(8) == 8 * 4 * 70 and end.total_bytes(8) == 8 * 4 * 6


@pytest.mark.parametrize("config, step", CASES)
def test_activations_are_counted_to_the_byte(config, step):
    trial = MeasuredStep(config, step)
    trial.loss()  # makes the tables
    excluded = [*trial.model.parameters(), *tables(trial.model), trial.tokens, trial.mask]
    counted = activation_memory(config, step)
    # hooks see the probabilities of torch's own loss; our fp32 loss at the head saves none
    probabilities = 0 if step.precision == "fp32" else counted.head_probabilities
    assert (
        saved_activation_bytes(trial.loss, *excluded)
        == counted.blocks + counted.after_blocks + probabilities
    )


@pytest.mark.parametrize("config", [GPT2, LLAMA])
@pytest.mark.parametrize(
    "how",
    [
        {},
        {"precision": "bf16"},
        {"optimizer": "muon"},
        {"lora": LoraConfig(3)},
        {"precision": "bf16", "lora": LoraConfig(2)},
    ],
)
def test_weights_gradients_and_moments_are_counted_to_the_byte(config, how):
    step = TrainingStep(*TEXT, **how)
    trial, memory = MeasuredStep(config, step), step_memory(config, step)
    trial.loss().backward()
    assert memory.weights == bytes_of([*trial.model.parameters(), *trial.model.buffers()])
    assert memory.gradients == bytes_of(each.grad for each in trial.trainable)
    trial.optimizer.step()
    moments = [each for state in trial.optimizer.state.values() for each in state.values()]
    assert memory.moments == bytes_of(moments)


WIDE = {"n_layers": 4, "n_heads": 4, "d_model": 64, "d_ff": 256, "context": 64}
PEAKS = [
    (GPTConfig(500, **WIDE), TrainingStep(4, 33, 100)),  # peak at the start of the backward pass
    (GPTConfig(500, **WIDE), TrainingStep(1, 33, 30)),  # peak at its end
    (GPTConfig(4000, **WIDE), TrainingStep(1, 33, 30)),  # large vocabulary, tied head
    (GPTConfig(4000, **WIDE, tied_head=False), TrainingStep(1, 33, 30)),
    (
        GPTConfig(500, **WIDE, norm_kind="rms", feed_forward="swiglu"),
        TrainingStep(4, 33, 100, "bf16"),
    ),
    (
        GPTConfig(500, **WIDE, norm_kind="rms", feed_forward="swiglu"),
        TrainingStep(4, 33, 100, "mixed"),
    ),
    (GPTConfig(500, **WIDE), TrainingStep(4, 33, 100, lora=LoraConfig())),
    (GPTConfig(500, **WIDE), TrainingStep(8, 33, 100, checkpoint_activations=True)),
    (
        GPTConfig(500, **WIDE, norm_kind="rms", feed_forward="swiglu"),
        TrainingStep(8, 33, 100, lora=LoraConfig(), checkpoint_activations=True),
    ),
    (GPTConfig(500, **WIDE), TrainingStep(4, 33, 100, lora=LoraConfig(), quantised=True)),
]


@pytest.mark.parametrize("config, step", PEAKS)
def test_the_peak_of_a_step_is_within_five_percent(config, step):
    live = LiveBytes()
    with live:
        trial = MeasuredStep(config, step)
        trial.run()
        live.peak = live.current
        trial.run()
    assert step_memory(config, step).peak == pytest.approx(live.peak, rel=0.05)


def test_saved_bytes_by_hand():
    """x^2 saves x, exp saves its result, and a product saves both factors; x is excluded."""
    x = torch.ones(25, requires_grad=True)
    assert saved_activation_bytes(lambda: x**2, x) == 0
    assert saved_activation_bytes(lambda: x**2) == 100
    assert saved_activation_bytes(lambda: (2 * x).exp() * (3 * x).exp(), x) == 200
    assert saved_activation_bytes(lambda: (2 * x).exp()[:5] + 1, x) == 100


def test_adamw_takes_sixteen_bytes_per_weight_and_a_step_count_per_tensor():
    memory = step_memory(OURS, TrainingStep(*TEXT))
    n, tensors = 8104, 33  # 50 16 + 3 (4 16 + 48 16 + 16 16 + 40 17 + 16 41) + 2 16; 1 + 3 10 + 2
    assert memory.weights == memory.gradients == 4 * n
    assert memory.moments == 8 * n + 4 * tensors


def test_activations_grow_with_the_batch_and_weights_do_not():
    one, four = (step_memory(LLAMA, TrainingStep(rows, 11, rows * 8)) for rows in (1, 4))
    assert (
        four.activations == 4 * one.activations
        and four.head_probabilities == 4 * one.head_probabilities
    )
    assert (four.weights, four.moments) == (one.weights, one.moments)


def test_checkpointing_saves_the_input_of_each_block():
    kept = activation_memory(OURS, TrainingStep(*TEXT, checkpoint_activations=True))
    plain = activation_memory(OURS, TrainingStep(*TEXT))
    assert kept.blocks == 3 * 33 * 16 * 4
    assert (
        kept.recomputed == plain.blocks / 3 + 33 * 40 * 4
        and kept.after_blocks == plain.after_blocks
    )


def test_a_model_of_seven_billion_weights_needs_a_hundred_gigabytes_or_five():
    text = (1, 1024, 512)
    full = step_memory(LLAMA_2_7B, TrainingStep(*text))
    assert full.weights == 4 * 6_738_415_616  # the number of weights of Llama 2
    assert full.peak > 16 * 6_738_415_616
    lora = LoraConfig(8)
    small = step_memory(
        LLAMA_2_7B, TrainingStep(*text, "bf16", lora, quantised=True, checkpoint_activations=True)
    )
    # 32 layers of 4 x 4096^2 and 3 x 4096 x 11008 at 4.127 bits; two tables and the norms at 16
    matrices, rest = 6_476_005_376, 262_410_240
    bits = 4 + 8 / 64 + 32 / (64 * 256)
    expected = matrices * bits / 8 + 2 * rest + 4 * n_lora_parameters(LLAMA_2_7B, lora)
    assert small.weights == pytest.approx(expected, rel=1e-6)
    assert small.peak < 5e9


def test_smollm2_has_the_size_it_is_named_for():
    memory = step_memory(SMOLLM2_135M, TrainingStep(1, 64, 32))
    assert memory.weights == 4 * 134_515_008


def test_the_table_shows_the_parts_in_megabytes():
    memory = StepMemory(4_000_000, 2_000_000, 3_000_000, 1_000_000, 500_000, 100_000, 0, 0)
    assert memory.peak == 9_000_000
    lines = memory_table({"ours": memory}).splitlines()
    assert lines[0] == "| | weights | gradients | moments | activations | table | peak |"
    assert lines[2] == "| ours | 4 | 2 | 3 | 1 | 0 | 9 |"


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: TrainingStep(2, 3, 7), "n_scored must be between 1 and 2 x 3 positions, got 7"),
        (lambda: TrainingStep(2, 3, 0), "got 0"),
        (
            lambda: TrainingStep(1, 1, 1, lora=LoraConfig(dropout=0.1)),
            "dropout are not supported, got 0.1",
        ),
        (lambda: TrainingStep(1, 1, 1, quantised=True), "4-bit weights cannot be trained directly"),
        (
            lambda: activation_memory(GPTConfig(norm="post"), TrainingStep(1, 1, 1)),
            "this one has post-norm",
        ),
        (
            lambda: activation_memory(GPTConfig(positions="alibi"), TrainingStep(1, 1, 1)),
            "alibi positions",
        ),
        (
            lambda: activation_memory(GPTConfig(positions="t5"), TrainingStep(1, 1, 1)),
            "t5 positions",
        ),
    ],
)
def test_steps_and_models_without_an_estimate_are_refused(make, message):
    with pytest.raises(BadInput, match=message):
        make()
