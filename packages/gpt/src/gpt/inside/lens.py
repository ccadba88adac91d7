r"""The logit lens: what the model would predict if it stopped after a given layer.

logits_l = W norm(x_l)    (nostalgebraist 2020, "interpreting GPT: the logit lens")

x_l is the residual stream after l blocks, W the head, and norm the final norm, whose mean and
variance are computed from x_l itself. After the last block these are the model's logits.
`attribution` keeps the statistics of the last layer instead; its docstring says why.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gpt.inside.activations import residual_streams
from gpt.model.gpt import GPT


@torch.no_grad()
def logit_lens(model: GPT, tokens: Int[Tensor, "B T"]) -> Float[Tensor, "N B T V"]:
    """Return the logits after 0, 1, ..., L blocks: N = L + 1 predictions for each position."""
    layers = residual_streams(model, tokens)
    return torch.stack([model.logits(model.final_norm(x)) for x in layers])
