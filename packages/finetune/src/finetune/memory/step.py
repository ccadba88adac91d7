"""Description of a training step: batch size, trained weights and number formats."""

from dataclasses import dataclass
from typing import Literal

from finetune.lora.inject import LoraConfig
from gpt.errors import BadInput


@dataclass(frozen=True)
class TrainingStep:
    """Everything besides the model's shape that determines the memory of a step."""

    n_rows: int
    """Texts in the batch."""
    n_positions: int
    """Positions of each text that the model reads: its tokens without the last."""
    n_scored: int
    """Positions in the whole batch whose next token is in the loss; only these reach the head."""
    precision: Literal["fp32", "bf16", "mixed"] = "fp32"
    """Number format; mixed stores weights in fp32 and multiplies in bf16 (autocast)."""
    lora: LoraConfig | None = None
    """Adapters to train, in fp32; None trains all weights."""
    quantised: bool = False
    """Store the frozen matrices of the blocks in four bits (nf4)."""
    checkpoint_activations: bool = False
    """Save only the input of each block, and run the block again in the backward pass."""
    optimizer: Literal["adamw", "muon"] = "adamw"
    """AdamW stores two moments per weight; Muon stores one, for the matrices of the blocks."""

    def __post_init__(self) -> None:
        """Check the numbers, and that the estimate covers this step."""
        if not 1 <= self.n_scored <= self.n_rows * self.n_positions:
            raise BadInput(
                f"n_scored must be between 1 and {self.n_rows} x {self.n_positions} positions, "
                f"got {self.n_scored}"
            )
        if self.lora is not None and self.lora.dropout:
            raise BadInput(f"adapters with dropout are not supported, got {self.lora.dropout}")
        if self.quantised and self.lora is None:
            raise BadInput("4-bit weights cannot be trained directly; add LoRA adapters")

    @property
    def weight_bytes(self) -> int:
        """Bytes per number in the model's weights and in the residual stream."""
        return 2 if self.precision == "bf16" else 4

    @property
    def product_bytes(self) -> int:
        """Bytes per number in the inputs and outputs of matrix products."""
        return 4 if self.precision == "fp32" else 2
