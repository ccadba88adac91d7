"""Token ids on disk, mapped into memory, and the batches cut from them."""

import io
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Int, Integer
from torch import Tensor

from gpt.errors import BadInput
from gpt.files import write_atomically
from gpt.text.tokenizers import Tokenizer


class Batch(NamedTuple):
    """Token ids, and at every position the id that comes next."""

    tokens: Int[Tensor, "B T"]
    targets: Int[Tensor, "B T"]

    def to(self, device: torch.device) -> "Batch":
        """The same batch on a device."""
        return Batch(self.tokens.to(device), self.targets.to(device))


def encode_documents(tokenizer: Tokenizer, documents: Iterable[str]) -> Integer[np.ndarray, " N"]:
    """All documents as one stream, each closed by END_OF_TEXT; two bytes a token where they fit."""
    dtype = np.uint16 if tokenizer.vocab_size <= 2**16 else np.uint32
    pieces = [
        np.array([*tokenizer.encode(text), tokenizer.end_of_text], dtype) for text in documents
    ]
    return np.concatenate(pieces) if pieces else np.empty(0, dtype)


def save_tokens(path: Path, tokens: Integer[np.ndarray, " N"]) -> None:
    """Write a token file: NumPy's own format, which names its type and length."""
    buffer = io.BytesIO()
    np.save(buffer, tokens, allow_pickle=False)
    write_atomically(path, buffer.getvalue())


def load_tokens(path: Path, vocab_size: int) -> Integer[np.ndarray, " N"]:
    """Map a token file into memory; the system reads the pages that are used.

    Raises:
        BadInput: the file is missing or damaged, or holds an id that the vocabulary lacks.
    """
    try:
        tokens = np.load(path, mmap_mode="r", allow_pickle=False)
    except (FileNotFoundError, ValueError, EOFError) as error:
        raise BadInput(f"token file {str(path)!r} is missing or damaged") from error
    if tokens.ndim != 1 or tokens.dtype.kind != "u":
        raise BadInput(f"token file {str(path)!r} holds {tokens.dtype} of shape {tokens.shape}")
    if len(tokens) and tokens.max() >= vocab_size:
        raise BadInput(
            f"token file {str(path)!r} holds token {tokens.max()}, "
            f"and the vocabulary ends at {vocab_size - 1}"
        )
    return tokens


class RandomWindows:
    """Batches of random windows of a token stream; which ones depends on seed and step alone.

    So a run that is resumed at step n sees the batches it would have seen, and there is no position
    to save.
    """

    def __init__(
        self, tokens: Integer[np.ndarray, " N"], context: int, batch_size: int, seed: int
    ) -> None:
        if len(tokens) <= context:
            raise BadInput(
                f"the text has {len(tokens)} tokens, and a context of {context} needs at least "
                f"{context + 1}; give more text or a smaller --context"
            )
        self.tokens, self.context = tokens, context
        self.batch_size, self.seed = batch_size, seed

    def __call__(self, step: int) -> Batch:
        """The batch of a step."""
        random = np.random.default_rng([self.seed, step])
        starts = random.integers(0, len(self.tokens) - self.context, self.batch_size)
        windows = np.stack([self.tokens[start : start + self.context + 1] for start in starts])
        rows = torch.from_numpy(windows.astype(np.int64))
        return Batch(tokens=rows[:, :-1], targets=rows[:, 1:])


def micro_batches(batch: Batch, rows: int) -> list[Batch]:
    """The batch in pieces of at most `rows` sequences; the last piece may be smaller."""
    pieces = zip(batch.tokens.split(rows), batch.targets.split(rows), strict=True)
    return [Batch(tokens, targets) for tokens, targets in pieces]
