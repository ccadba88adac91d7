"""One training step in outline: how much text, which weights are trained, and in which format."""

from dataclasses import dataclass
from typing import Literal

from finetune.lora.inject import LoraConfig
from gpt.errors import BadInput


@dataclass(frozen=True)
class TrainingStep:
    """What decides the memory of a step, beside the shape of the model."""

    rows: int
    """Texts in the batch."""
    positions: int
    """Positions of each text that pass through the model: its tokens, less the last."""
    scored: int
    """Positions of the whole batch that count, and so reach the head."""
    precision: Literal["fp32", "bf16", "mixed"] = "fp32"
    """The format of all numbers; mixed keeps weights in fp32 and multiplies in bf16 (autocast)."""
    lora: LoraConfig | None = None
    """The adapters that are trained, in fp32; None trains all weights."""
    quantised: bool = False
    """Keep the frozen matrices of the blocks in four bits (nf4)."""
    checkpointed: bool = False
    """Keep the input of each block alone and run the block again in the backward pass."""
    optimizer: Literal["adamw", "muon"] = "adamw"
    """Who keeps moments: AdamW two a number; Muon one, in the blocks' matrices."""

    def __post_init__(self) -> None:
        """Refuse steps that cannot be, or that are not counted."""
        if not 1 <= self.scored <= self.rows * self.positions:
            raise BadInput(
                f"scored must lie in 1 to {self.rows} x {self.positions}, got {self.scored}"
            )
        if self.lora is not None and self.lora.dropout:
            raise BadInput(f"adapters with dropout are not counted, got {self.lora.dropout}")
        if self.quantised and self.lora is None:
            raise BadInput("weights in four bits stand still; give adapters to train")

    @property
    def weight_bytes(self) -> int:
        """Bytes of a number in a weight of the model and in the stream."""
        return 2 if self.precision == "bf16" else 4

    @property
    def product_bytes(self) -> int:
        """Bytes of a number that goes into a product or comes out of one."""
        return 4 if self.precision == "fp32" else 2
