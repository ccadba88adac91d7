"""Token ids on disk, mapped into memory, and random batches of them."""

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
    """Token ids, and for every position the id of the next token."""

    tokens: Int[Tensor, "B T"]
    targets: Int[Tensor, "B T"]

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on a device."""
        return Batch(self.tokens.to(device), self.targets.to(device))


def encode_documents(tokenizer: Tokenizer, documents: Iterable[str]) -> Integer[np.ndarray, " N"]:
    """Encode documents as one stream, each followed by END_OF_TEXT; 2 bytes per id if possible."""
    dtype = np.uint16 if tokenizer.vocab_size <= 2**16 else np.uint32
    pieces = [
        np.array([*tokenizer.encode(text), tokenizer.end_of_text], dtype) for text in documents
    ]
    return np.concatenate(pieces) if pieces else np.empty(0, dtype)


def save_tokens(path: Path, tokens: Integer[np.ndarray, " N"]) -> None:
    """Write a token file in NumPy's format, which records type and length."""
    buffer = io.BytesIO()
    np.save(buffer, tokens, allow_pickle=False)
    write_atomically(path, buffer.getvalue())


def load_tokens(path: Path, vocab_size: int) -> Integer[np.ndarray, " N"]:
    """Map a token file into memory, so that only the pages in use are read.

    Raises:
        BadInput: the file is missing or damaged, or contains an id beyond the vocabulary.
    """
    try:
        tokens = np.load(path, mmap_mode="r", allow_pickle=False)
    except (FileNotFoundError, ValueError, EOFError) as error:
        raise BadInput(f"token file {str(path)!r} is missing or damaged") from error
    if tokens.ndim != 1 or tokens.dtype.kind != "u":
        raise BadInput(
            f"token file {str(path)!r} holds {tokens.dtype} of shape {tokens.shape}; it must be "
            "one row of unsigned integers"
        )
    if len(tokens) and tokens.max() >= vocab_size:
        raise BadInput(
            f"token file {str(path)!r} holds token {tokens.max()}, "
            f"and the vocabulary ends at {vocab_size - 1}"
        )
    return tokens


class RandomWindows:
    """Batches of random windows of a token stream, chosen by seed and step only.

    A run that is resumed at step n therefore sees the same batches as an uninterrupted run, without
    a position to save.
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
        """Return the batch of a step, counted from 0."""
        random = np.random.default_rng([self.seed, step])
        starts = random.integers(0, len(self.tokens) - self.context, self.batch_size)
        windows = np.stack([self.tokens[start : start + self.context + 1] for start in starts])
        rows = torch.from_numpy(windows.astype(np.int64))
        return Batch(tokens=rows[:, :-1], targets=rows[:, 1:])


def micro_batches(batch: Batch, rows: int) -> list[Batch]:
    """Split a batch into micro-batches of `rows` sequences; the last one may be smaller."""
    split = zip(batch.tokens.split(rows), batch.targets.split(rows), strict=True)
    return [Batch(tokens, targets) for tokens, targets in split]
