r"""Bytes that autograd saves between forward and backward pass, without running either.

The count is for our GPT in a `Policy` with its CPU kernels; `block_activations` lists what each
operation saves. Korthikanti et al. 2022 ("Reducing Activation Recomputation in Large Transformer
Models", section 4.1) count in the same way and find 34 D bytes per position and layer in half
precision, with other kernels. The GPU kernels of RMSNorm and GELU save less than the CPU ones.
"""

from typing import NamedTuple

from finetune.memory.block_activations import GATE_ACTIVATIONS, MetaTensor, SavedActivations
from finetune.memory.step import TrainingStep
from gpt.errors import BadInput
from gpt.model.config import GPTConfig


class Activations(NamedTuple):
    """Activations saved for the backward pass of one step, in bytes."""

    blocks: int
    """In all blocks; with checkpointing, only the input of each block."""
    after_blocks: int
    """After the last block: the norm, and the hidden states of the scored positions."""
    head_probabilities: int
    """A probability for every scored position and every token of the vocabulary."""
    recomputed: int
    """Activations of one block while it runs again; 0 without checkpointing."""


def activation_memory(config: GPTConfig, step: TrainingStep) -> Activations:
    """Count the activations that autograd saves in one step of a `Policy`.

    Raises:
        BadInput: the model is not pre-norm, or adds a bias to its scores (ALiBi, T5).
    """
    if config.norm != "pre" or config.positions in ("alibi", "t5"):
        raise BadInput(
            f"the estimate supports pre-norm models without ALiBi or T5 bias; this one has "
            f"{config.norm}-norm and {config.positions} positions"
        )
    positions = step.n_rows * step.n_positions
    first, other, norm = saved_by_blocks(config, step)
    blocks = first.total_bytes(positions) + (config.n_layers - 1) * other.total_bytes(positions)
    recomputed = 0
    if step.checkpoint_activations:
        blocks = config.n_layers * positions * config.d_model * step.weight_bytes
        # the widest tensors of a block also have gradients at that time
        widest = config.d_ff * (2 if config.feed_forward in GATE_ACTIVATIONS else 1)
        recomputed = other.total_bytes(positions) + positions * widest * step.product_bytes
    if config.dropout and step.lora is None:  # mask of the embeddings, which LoRA does not train
        blocks += positions * config.d_model
    after_blocks = norm.total_bytes(positions) + head_activation_bytes(config, step)
    head_probabilities = step.n_scored * config.vocab_size * 4
    return Activations(blocks, after_blocks, head_probabilities, recomputed)


def saved_by_blocks(
    config: GPTConfig, step: TrainingStep
) -> tuple[SavedActivations, SavedActivations, SavedActivations]:
    """Return the activations of the first block, of each other block, and of the final norm.

    With LoRA the input of the first block needs no gradient, so that block saves a little less.
    """
    first, other, norm = (SavedActivations(config, step) for _ in range(3))
    x = first.block(MetaTensor("stream", config.d_model, step.weight_bytes, step.lora is None))
    other.block(x)
    norm.norm(x, "final norm")
    return first, other, norm


def head_activation_bytes(config: GPTConfig, step: TrainingStep) -> int:
    """Bytes saved by the head: hidden states and token ids of the scored positions.

    The probabilities are counted separately.
    """
    rows = step.n_scored * config.d_model * step.product_bytes
    if step.precision != "fp32" and step.lora is not None:
        rows = 0  # torch saves the input of a product only for the gradient of its matrix
    copy = config.vocab_size * config.d_model * 2 if step.precision == "mixed" else 0
    return rows + copy + step.n_scored * 8 + (0 if step.precision == "fp32" else 4)
