r"""What autograd keeps between the forward and the backward pass, in bytes, without running either.

Counted is the GPT of this workspace, asked by a `Policy`, with its kernels on a CPU; `tape` says
what each operation keeps. Korthikanti et al. 2022 ("Reducing Activation Recomputation in Large
Transformer Models", section 4.1) count in the same way and find 34 D bytes a position and layer
in half precision, with other kernels. On a GPU, those of RMSNorm and GELU keep less than here.
"""

from typing import NamedTuple

from finetune.memory.block_activations import GATE_ACTIVATIONS, MetaTensor, SavedActivations
from finetune.memory.step import TrainingStep
from gpt.errors import BadInput
from gpt.model.config import GPTConfig


class Activations(NamedTuple):
    """What waits for the backward pass of one step, in bytes."""

    blocks: int
    """In all blocks; where they are run again, the input of each."""
    end: int
    """After the last block: the norm, and the rows that are scored."""
    table: int
    """A probability for every scored position and every token."""
    again: int
    """What one block holds while it is run again; 0 without checkpointing."""


def activation_memory(config: GPTConfig, step: TrainingStep) -> Activations:
    """What autograd keeps of a step of a `Policy`, in bytes.

    Raises:
        BadInput: the model has parts that are not counted here.
    """
    if config.norm != "pre" or config.positions == "alibi":
        raise BadInput(
            f"activations are counted for pre-norm models without ALiBi; this one has {config.norm}"
            f"-norm and {config.positions} positions"
        )
    places, stream = step.rows * step.positions, config.d_model * step.weight_bytes
    first, other, end = saved_by_blocks(config, step)
    blocks = first.bytes(places) + (config.n_layers - 1) * other.bytes(places)
    again = 0
    if step.checkpointed:
        blocks = config.n_layers * places * stream
        widest = config.d_ff * (
            2 if config.feed_forward in GATE_ACTIVATIONS else 1
        )  # has gradients, too
        again = other.bytes(places) + places * widest * step.product_bytes
    if config.dropout and step.lora is None:  # of the embeddings, which LoRA does not train
        blocks += places * config.d_model
    table = step.scored * config.vocab_size * 4
    return Activations(
        blocks, end.bytes(places) + head_activation_bytes(config, step), table, again
    )


def saved_by_blocks(
    config: GPTConfig, step: TrainingStep
) -> tuple[SavedActivations, SavedActivations, SavedActivations]:
    """What is kept by the first block, by each other one, and by the norm after the last.

    Under LoRA no gradient arrives at the input of the first, so it keeps a little less.
    """
    first, other, end = (
        SavedActivations(config, step),
        SavedActivations(config, step),
        SavedActivations(config, step),
    )
    x = first.block(MetaTensor("stream", config.d_model, step.weight_bytes, step.lora is None))
    other.block(x)
    end.norm(x, "final norm")
    return first, other, end


def head_activation_bytes(config: GPTConfig, step: TrainingStep) -> int:
    """The scored rows and the numbers of their tokens; the table of probabilities not counted."""
    rows = step.scored * config.d_model * step.product_bytes
    if step.precision != "fp32" and step.lora is not None:
        rows = 0  # torch's product keeps them for the gradient of its matrix alone
    copy = config.vocab_size * config.d_model * 2 if step.precision == "mixed" else 0
    return rows + copy + step.scored * 8 + (0 if step.precision == "fp32" else 4)
