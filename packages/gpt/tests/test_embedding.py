import math

import torch
from torch import nn

from gpt.model.embedding import TokenEmbedding


def test_the_embedding_agrees_with_torch_and_scales():
    library, tokens = nn.Embedding(10, 4), torch.tensor([[1, 9, 1]])
    for scale in (1.0, math.sqrt(4)):
        ours = TokenEmbedding(10, 4, scale)
        ours.weight.data = library.weight.data
        torch.testing.assert_close(ours(tokens), scale * library(tokens))
