r"""How much memory a training step takes, known before it is run.

    weights          4 bytes a number in fp32, 2 in bf16, about half a byte in 4 bits
    gradients        as many numbers as are trained
    moments          two numbers for each of those (Adam: Kingma and Ba 2015, algorithm 1), or one
    activations      what autograd keeps of the forward pass: `activation_memory`
    table            a probability for every scored position and every token

The first three do not depend on the text. With AdamW in fp32 they make 16 bytes for every number
trained (Rajbhandari et al. 2020, "ZeRO", section 3.1, counts 16 for mixed precision too). LoRA
(Hu et al. 2021) trains few numbers, so gradients and moments all but vanish and the frozen weights
stay; QLoRA (Dettmers et al. 2023) shrinks those. None of the two touches the activations, which
checkpointing trades for time (`checkpointing`).

Offloading is the last resort: moments stay in the memory of the machine, the processor takes
AdamW's step there, and gradients go down and new weights come back (Ren et al. 2021,
"ZeRO-Offload"). The moments themselves would be 54 GB each way and step at 7 billion weights.

A step holds most at one of two moments. When the backward pass begins, all activations are there
and no gradient; when it ends, all gradients and no activation. Between the two, layer by layer, one
is exchanged for the other, so that nothing in between is higher than both.
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
    """The memory of one training step, in bytes."""

    weights: int
    """All weights, trained or not."""
    gradients: int
    """A number for each that is trained."""
    moments: int
    """What the optimizer remembers from step to step."""
    activations: int
    """What the forward pass leaves for the backward pass."""
    table: int
    """Probabilities of all tokens at the scored positions."""
    head_backward: int
    """What the first step of the backward pass, through the head, adds to all that."""
    again: int
    """What the backward pass of a block makes again: all that it keeps, if it was checkpointed, and
    a matrix in full, if it is stored in four bits."""
    tied_backward: int
    """What the last one adds, where head and embedding share one matrix and two gradients meet."""

    @property
    def peak(self) -> int:
        """The most at one time, where every step begins without gradients."""
        begin = self.activations + max(self.table + self.head_backward, self.again)
        end = self.gradients + max(self.tied_backward, self.again)
        return self.weights + self.moments + max(begin, end)


def step_memory(config: GPTConfig, step: TrainingStep) -> StepMemory:
    """What a step on a model of this shape takes; the model is never made.

    Raises:
        BadInput: the model has parts whose activations are not counted.
    """
    kept, model = activation_memory(config, step), meta_model(config, step.lora)
    size = 4 if step.lora else step.weight_bytes
    trained = [each for each in model.parameters() if each.requires_grad]
    n_trained = sum(each.numel() for each in trained)
    head = 0 if step.lora else config.vocab_size * config.d_model * size
    matrix = 4 * max(each.numel() for each in model.blocks.parameters())
    if step.precision == "fp32":  # the table becomes its own gradient
        head_backward = step.scored * config.d_model * 4 + head
    else:
        head_backward = 2 * kept.table
    return StepMemory(
        weights=frozen_weight_bytes(model, step) + n_trained * size,
        gradients=n_trained * size,
        moments=optimizer_moment_bytes(model, step, size),
        activations=kept.blocks + kept.end,
        table=kept.table,
        head_backward=head_backward,
        again=kept.again + (matrix if step.quantised else 0),
        tied_backward=2 * head if config.tied_head else 0,
    )


def frozen_weight_bytes(model: GPT, step: TrainingStep) -> int:
    """The bytes of what stands still; the matrices of the blocks may be in four bits."""
    total = 0
    for name, each in model.named_parameters():
        if not each.requires_grad:
            small = step.quantised and each.ndim == 2 and name.startswith("blocks.")
            plain = each.numel() * step.weight_bytes
            total += nf4_bytes(each.numel()) if small else plain
    return total


def nf4_bytes(numbers: int) -> int:
    """Half a byte a number, a byte a block, 4 a group of blocks, and 4; see `adapters.nf4`.

    The last block and the last group are filled up with zeros.
    """
    blocks = math.ceil(numbers / BLOCK_SIZE)
    groups = math.ceil(blocks / GROUP_SIZE)
    return blocks * BLOCK_SIZE // 2 + groups * GROUP_SIZE + 4 * groups + 4


def optimizer_moment_bytes(model: GPT, step: TrainingStep, size: int) -> int:
    """The bytes that the optimizer keeps; AdamW also counts the steps of each tensor, in fp32."""
    hidden = hidden_matrices(model) if step.optimizer == "muon" else []
    inside = {id(each) for each in hidden}
    rest = [each for each in model.parameters() if each.requires_grad and id(each) not in inside]
    return size * sum(each.numel() for each in hidden) + sum(
        2 * size * each.numel() + 4 for each in rest
    )


def memory_table(cases: dict[str, StepMemory]) -> str:
    """The parts side by side in MB (a million bytes), as a Markdown table."""
    parts = ("weights", "gradients", "moments", "activations", "table", "peak")
    lines = ["| | " + " | ".join(parts) + " |", "|---|" + "---:|" * len(parts)]
    for name, memory in cases.items():
        numbers = (f"{getattr(memory, part) / 1e6:,.0f}" for part in parts)
        lines.append(f"| {name} | " + " | ".join(numbers) + " |")
    return "\n".join(lines)
