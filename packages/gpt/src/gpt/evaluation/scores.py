r"""How surprised a model is by text it has not seen, in three units of the same number.

loss = mean of -ln p(token | before) in nats; perplexity = e^loss, the number of equally likely
tokens that would surprise as much; bits per byte = total nats / ln 2 / bytes of text. Only the last
one compares models with different tokenizers.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float, Int, Integer
from torch import Tensor, nn

from gpt.text.tokenizers import Tokenizer


@dataclass(frozen=True)
class Scores:
    """What a model makes of a stream of tokens."""

    loss: float
    """Nats per token."""
    perplexity: float
    """e to the loss."""
    bits_per_byte: float
    """Independent of the tokenizer."""


def compute_scores(nats: Float[np.ndarray, " N"], n_bytes: int) -> Scores:
    """The three units, from the surprise of each token and the bytes that the tokens spell."""
    loss = float(nats.mean())
    with np.errstate(over="ignore"):  # a model that diverged may be worse than floats can say
        perplexity = float(np.exp(loss))
    bits = float(nats.sum()) / math.log(2)
    return Scores(loss=loss, perplexity=perplexity, bits_per_byte=bits / n_bytes)


def count_scored_bytes(tokenizer: Tokenizer, tokens: Integer[np.ndarray, " N"]) -> int:
    """Bytes that the scored tokens, all but the first, spell; END_OF_TEXT spells none."""
    text = [int(token) for token in tokens[1:] if token != tokenizer.end_of_text]
    return len(tokenizer.decode_bytes(text))


@torch.no_grad()
def negative_log_likelihoods(
    model: nn.Module, tokens: Integer[np.ndarray, " N"], context: int, batch_size: int = 32
) -> Float[np.ndarray, " M"]:
    """-ln p of every token but the first, each scored once.

    The stream is read in windows side by side, so the first tokens of a window have little before
    them: the score is a little worse than with a sliding window, and much cheaper.
    """
    device = next(model.parameters()).device
    stream = torch.from_numpy(tokens.astype(np.int64))
    whole = (len(stream) - 1) // context * context  # what fills windows; the rest is a short one
    rows = stream[:whole].view(-1, context), stream[1 : whole + 1].view(-1, context)
    pieces = [*zip(*(side.split(batch_size) for side in rows), strict=True)] if whole else []
    if whole < len(stream) - 1:
        pieces.append((stream[None, whole:-1], stream[None, whole + 1 :]))
    was_training = model.training
    model.eval()
    nats = [cross_entropy_per_token(model(x.to(device)), y.to(device)).cpu() for x, y in pieces]
    model.train(was_training)
    return torch.cat([part.flatten() for part in nats]).double().numpy()


def cross_entropy_per_token(
    logits: Float[Tensor, "B T V"], targets: Int[Tensor, "B T"]
) -> Float[Tensor, "B T"]:
    """-ln softmax(logits)[target]: the cross-entropy of each token, in fp32."""
    scores = rearrange(logits, "B T V -> (B T) V").float()
    nats = F.cross_entropy(scores, rearrange(targets, "B T -> (B T)"), reduction="none")
    return rearrange(nats, "(B T) -> B T", B=len(targets))
