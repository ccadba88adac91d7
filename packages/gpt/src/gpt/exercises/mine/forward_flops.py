"""Exercise of the chapter on the model: what does a forward pass cost?"""

from gpt.model.config import GPTConfig


def forward_flops(config: GPTConfig, n_tokens: int) -> int:
    """Floating-point operations of one sequence, in its matrix products alone.

    A product of n x m and m x k takes 2 n m k of them. Scores of the future count as well.
    """
    raise NotImplementedError
