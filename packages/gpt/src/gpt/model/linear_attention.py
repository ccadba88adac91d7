r"""Linear attention: the keys and values read so far are summed into one matrix of fixed size.

Katharopoulos et al. 2020, "Transformers are RNNs", sections 3.2 to 3.4. The weight of a key is
phi(q) phi(k) instead of exp(q k / sqrt(K)), divided by the sum over the visible keys. A product can
be reordered, phi(q) (phi(k) v) = (phi(q) phi(k)) v, so a token needs only the sum of phi(k) v and
not each key. The same function has two forms: parallel for training, recurrent for generation.

What is lost: K^2 + K numbers per head hold the whole past, however long it is, and no weight is as
sharp as a softmax can make it.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from einops import einsum
from jaxtyping import Bool, Float
from torch import Tensor

from gpt.errors import BadInput


def feature_map(x: Float[Tensor, "*B K"]) -> Float[Tensor, "*B K"]:
    """Return phi(x) = elu(x) + 1, which is x + 1 above 0 and exp(x) below    (eq. 7)."""
    return F.elu(x) + 1


def linear_attention(
    q: Float[Tensor, "B H T K"],
    k: Float[Tensor, "B H S K"],
    v: Float[Tensor, "B H S K"],
    mask: Bool[Tensor, "#B #H #T S"],
) -> Float[Tensor, "B H T K"]:
    r"""Compute linear attention for all positions at once; a query without keys gets zeros.

    o_i = sum_j A_ij v_j / sum_j A_ij,  A_ij = phi(q_i) phi(k_j) where j is kept    (eq. 4, 9)

    Like softmax attention, this form makes a matrix with a number for each pair of positions.
    """
    similarity = einsum(feature_map(q), feature_map(k), "B H T K, B H S K -> B H T S")
    weights = similarity * mask
    return (weights @ v) / weights.sum(dim=-1, keepdim=True).clamp(min=torch.finfo(q.dtype).tiny)


class LinearState(NamedTuple):
    """All that a head remembers of the past: the same numbers after ten tokens or a million."""

    mixed: Float[Tensor, "B H K K"]
    """S: sum of phi(k) v."""
    total: Float[Tensor, "B H K"]
    """z: sum of phi(k)."""


def empty_linear_state(batch_size: int, n_heads: int, d_head: int, like: Tensor) -> LinearState:
    """Return the state before the first token, with the dtype and device of `like`.

    Raises:
        BadInput: a size is below 1.
    """
    if min(batch_size, n_heads, d_head) < 1:
        raise BadInput(
            f"a state needs rows, heads and a width of at least 1, got {batch_size}, {n_heads} "
            f"and {d_head}"
        )
    mixed = like.new_zeros(batch_size, n_heads, d_head, d_head)
    return LinearState(mixed, mixed[..., 0].clone())


def linear_attention_step(
    q: Float[Tensor, "B H K"],
    k: Float[Tensor, "B H K"],
    v: Float[Tensor, "B H K"],
    past: LinearState,
) -> tuple[Float[Tensor, "B H K"], LinearState]:
    r"""Read one token: add it to the state, and let its query read the state.

    S_i = S_(i-1) + phi(k_i) v_i^T,  z_i = z_(i-1) + phi(k_i)    (eq. 18 and 19)
    o_i = phi(q_i)^T S_i / phi(q_i)^T z_i                        (eq. 20)
    """
    key, query = feature_map(k), feature_map(q)
    state = LinearState(past.mixed + key[..., :, None] * v[..., None, :], past.total + key)
    numerator = einsum(query, state.mixed, "B H key, B H key value -> B H value")
    return numerator / (query * state.total).sum(dim=-1, keepdim=True), state


def recurrent_linear_attention(
    q: Float[Tensor, "B H T K"], k: Float[Tensor, "B H T K"], v: Float[Tensor, "B H T K"]
) -> Float[Tensor, "B H T K"]:
    """Compute causal `linear_attention` token by token, with a state and no matrix."""
    batch_size, n_heads, length, d_head = q.shape
    state, outputs = empty_linear_state(batch_size, n_heads, d_head, like=q), []
    for t in range(length):
        output, state = linear_attention_step(q[:, :, t], k[:, :, t], v[:, :, t], state)
        outputs.append(output)
    return torch.stack(outputs, dim=2)
