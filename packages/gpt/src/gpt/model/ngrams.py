r"""Embeddings of the last two, three, ... tokens together, looked up and not computed.

Pagnoni et al. 2024, "Byte Latent Transformer", section 3.2.1, eq. 4. A row for every pair would be
too many, so pairs share rows through a hash: which one, does not matter, and two that collide are
told apart by the layers above. A lookup costs nearly no time, whatever the size of the table, so
that characters, which say little alone, arrive with what stands before them.

Departure: the sum is not divided by the number of tables, for a norm follows. It reads whole
windows, so it is for training and scoring and not for generation from a cache.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from gpt.model.layers import TokenEmbedding

HASH_BASE = (
    36_313  # a prime above most vocabularies, so that short n-grams have numbers of their own
)


def ngram_hash(tokens: Int[Tensor, "B T"], n: int) -> Int[Tensor, "B T"]:
    """A number for the n tokens that end at each position: the token + BASE * the one before + ...

    (eq. 5; before the window stand zeros.)
    """
    length = tokens.shape[1]
    powers = (HASH_BASE**back * F.pad(tokens, (back, 0))[:, :length] for back in range(n))
    return torch.stack(list(powers)).sum(dim=0)


class NgramEmbedding(TokenEmbedding):
    """A token's row, plus a row for the pair that ends with it, plus one for the triple, ..."""

    def __init__(self, vocab_size: int, d_model: int, rows: tuple[int, ...]) -> None:
        """`rows` are the sizes of the tables of pairs, triples, and so on."""
        super().__init__(vocab_size, d_model)
        self.tables = nn.ParameterList(torch.empty(n, d_model) for n in rows)
        for table in self.parameters():
            nn.init.normal_(table, std=0.02)

    def forward(self, tokens: Int[Tensor, "B T"]) -> Float[Tensor, "B T D"]:
        """The sums of the rows."""
        x = super().forward(tokens)
        for n, table in enumerate(self.tables, 2):
            x = x + F.embedding(ngram_hash(tokens, n) % len(table), table)
        return x
