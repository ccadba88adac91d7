"""Exercise of the chapter on the model: what does a forward pass cost?"""

from gpt.model.config import GPTConfig


def forward_flops(config: GPTConfig, n_tokens: int) -> int:
    """Count the floating-point operations of all matrix products for one sequence.

    A product of n x m and m x k takes 2 n m k operations. Masked attention scores count as well.
    """
    raise NotImplementedError
