"""Exercise of the chapter on the model: how large is it?"""

from gpt.model.config import GPTConfig


def count_parameters(config: GPTConfig) -> int:
    """Return the number of trainable parameters of a model; a tied table counts once."""
    raise NotImplementedError
