r"""Embeddings of n-grams: of the last two, three, ... tokens together.

Pagnoni et al. 2024, "Byte Latent Transformer", section 3.2.1, eq. 4. A row for every pair would
need too large a table, so pairs share rows through a hash, and the layers above tell apart those
that collide. A lookup takes almost no time, whatever the size of the table, and gives characters,
which mean little by themselves, the context of those before them.

Departure: the sum is not divided by the number of tables, because a norm follows. The n-grams are
read from whole windows, so this is for training and scoring, not for generation from a cache.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from gpt.model.embedding import TokenEmbedding

# a prime above most vocabularies, so that short n-grams get different numbers
HASH_BASE = 36_313


def ngram_hash(tokens: Int[Tensor, "B T"], n: int) -> Int[Tensor, "B T"]:
    r"""Hash the n tokens that end at each position: sum over k of base^k token[t - k]    (eq. 5).

    Tokens before the window count as 0.
    """
    length = tokens.shape[1]
    powers = (HASH_BASE**back * F.pad(tokens, (back, 0))[:, :length] for back in range(n))
    return torch.stack(list(powers)).sum(dim=0)


class NgramEmbedding(TokenEmbedding):
    """The row of a token, plus rows for the pair, the triple, ... that end with it."""

    def __init__(self, vocab_size: int, d_model: int, rows: tuple[int, ...]) -> None:
        """`rows` are the sizes of the tables of pairs, triples, and so on."""
        super().__init__(vocab_size, d_model)
        self.tables = nn.ParameterList(torch.empty(n, d_model) for n in rows)
        for table in self.parameters():
            nn.init.normal_(table, std=0.02)

    def forward(self, tokens: Int[Tensor, "B T"]) -> Float[Tensor, "B T D"]:
        """Sum the rows of each token and its n-grams."""
        x = super().forward(tokens)
        for n, table in enumerate(self.tables, 2):
            x = x + F.embedding(ngram_hash(tokens, n) % len(table), table)
        return x
