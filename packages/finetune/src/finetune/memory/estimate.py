r"""Estimate the memory of a training step before it runs.

    weights             4 bytes per number in fp32, 2 in bf16, about half a byte in 4 bits
    gradients           one number per trained weight
    moments             two numbers per trained weight in Adam (Kingma and Ba 2015), one in Muon
    activations         tensors that autograd saves in the forward pass: `activation_memory`
    head probabilities  one number per scored position and token of the vocabulary

The first three do not depend on the text. With AdamW in fp32 they take 16 bytes per trained weight
(Rajbhandari et al. 2020, "ZeRO", section 3.1, also counts 16 for mixed precision). LoRA (Hu et al.
2021) trains few weights, so gradients and moments nearly vanish and the frozen weights remain;
QLoRA (Dettmers et al. 2023) shrinks those. Neither reduces the activations, which checkpointing
trades for time (`gpt.model.checkpointing`).

Offloading is the last resort: the moments stay in CPU memory, the CPU takes AdamW's step, gradients
are copied there and new weights are copied back (Ren et al. 2021, "ZeRO-Offload"). Copying the
moments themselves would be 54 GB each way per step at 7 billion weights.

The peak is at the start or at the end of the backward pass. At its start all activations and no
gradients are in memory; at its end, all gradients and no activations. In between, each layer frees
its activations and adds its gradients, so no point in between exceeds both ends.
"""

import math
from dataclasses import dataclass

from finetune.lora.nf4 import BLOCK_SIZE, GROUP_SIZE
from finetune.memory.activations import activation_memory
from finetune.memory.block_activations import meta_model
from finetune.memory.step import TrainingStep
from gpt.model.config import GPTConfig
from gpt.model.gpt import GPT
from gpt.training.optimizer import hidden_matrices

LLAMA_2_7B = GPTConfig(
    vocab_size=32000,
    context=4096,
    n_layers=32,
    n_heads=32,
    d_model=4096,
    d_ff=11008,
    norm_kind="rms",
    feed_forward="swiglu",
    ff_bias=False,
    tied_head=False,
)


@dataclass(frozen=True)
class StepMemory:
    """Memory of one training step, in bytes."""

    weights: int
    """All weights, trained or frozen."""
    gradients: int
    """One number per trained weight."""
    moments: int
    """State of the optimizer."""
    activations: int
    """Tensors saved in the forward pass for the backward pass."""
    head_probabilities: int
    """Probabilities of all tokens at the scored positions."""
    head_backward: int
    """Memory that the backward pass through the head adds to the above."""
    recomputed: int
    """Tensors that the backward pass of a block makes again: its activations with checkpointing,
    and one dequantised matrix if weights are in four bits."""
    tied_backward: int
    """Memory added at the end if head and embedding share a matrix and two gradients are summed."""

    @property
    def peak(self) -> int:
        """Peak memory of the step, if no gradients exist when it begins."""
        head = self.head_probabilities + self.head_backward
        begin = self.activations + max(head, self.recomputed)
        end = self.gradients + max(self.tied_backward, self.recomputed)
        return self.weights + self.moments + max(begin, end)


def step_memory(config: GPTConfig, step: TrainingStep) -> StepMemory:
    """Estimate the memory of a step on a model of this shape, without making the model.

    Raises:
        BadInput: `activation_memory` does not support the model.
    """
    saved, model = activation_memory(config, step), meta_model(config, step.lora)
    size = 4 if step.lora else step.weight_bytes
    trained = [each for each in model.parameters() if each.requires_grad]
    n_trained = sum(each.numel() for each in trained)
    head = 0 if step.lora else config.vocab_size * config.d_model * size
    matrix = 4 * max(each.numel() for each in model.blocks.parameters())
    if step.precision == "fp32":  # the probabilities become their own gradient
        head_backward = step.n_scored * config.d_model * 4 + head
    else:
        head_backward = 2 * saved.head_probabilities
    return StepMemory(
        weights=frozen_weight_bytes(model, step) + n_trained * size,
        gradients=n_trained * size,
        moments=optimizer_moment_bytes(model, step, size),
        activations=saved.blocks + saved.after_blocks,
        head_probabilities=saved.head_probabilities,
        head_backward=head_backward,
        recomputed=saved.recomputed + (matrix if step.quantised else 0),
        tied_backward=2 * head if config.tied_head else 0,
    )


def frozen_weight_bytes(model: GPT, step: TrainingStep) -> int:
    """Count the bytes of frozen weights; matrices of the blocks may be in four bits."""
    total = 0
    for name, each in model.named_parameters():
        if not each.requires_grad:
            in_4_bits = step.quantised and each.ndim == 2 and name.startswith("blocks.")
            n = each.numel()
            total += nf4_bytes(n) if in_4_bits else n * step.weight_bytes
    return total


def nf4_bytes(n_weights: int) -> int:
    """Count half a byte per weight, 1 per block, 4 per group of blocks, and 4; see `lora.nf4`.

    The last block and the last group are padded with zeros.
    """
    blocks = math.ceil(n_weights / BLOCK_SIZE)
    groups = math.ceil(blocks / GROUP_SIZE)
    return blocks * BLOCK_SIZE // 2 + groups * GROUP_SIZE + 4 * groups + 4


def optimizer_moment_bytes(model: GPT, step: TrainingStep, size: int) -> int:
    """Count the bytes of the optimizer's state; AdamW also stores a step count per tensor."""
    hidden = hidden_matrices(model) if step.optimizer == "muon" else []
    with_muon = {id(each) for each in hidden}
    trained = [each for each in model.parameters() if each.requires_grad]
    rest = [each for each in trained if id(each) not in with_muon]
    return size * sum(each.numel() for each in hidden) + sum(
        2 * size * each.numel() + 4 for each in rest
    )


def memory_table(cases: dict[str, StepMemory]) -> str:
    """Format the parts in MB (a million bytes) as a Markdown table, a row per case."""
    headings = ("weights", "gradients", "moments", "activations", "table", "peak")
    lines = ["| | " + " | ".join(headings) + " |", "|---|" + "---:|" * len(headings)]
    for name, m in cases.items():
        parts = (m.weights, m.gradients, m.moments, m.activations, m.head_probabilities, m.peak)
        lines.append(f"| {name} | " + " | ".join(f"{part / 1e6:,.0f}" for part in parts) + " |")
    return "\n".join(lines)
