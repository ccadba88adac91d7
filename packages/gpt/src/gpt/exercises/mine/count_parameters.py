"""Exercise of the chapter on the model: how large is it?"""

from gpt.model.config import GPTConfig


def count_parameters(config: GPTConfig) -> int:
    """How many numbers the model of this config trains; a tied table counts once."""
    raise NotImplementedError
