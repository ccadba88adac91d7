r"""Prompt pairs: two prompts of equal length whose answers differ because a few tokens differ.

Whatever a model computes alike for both, such as grammar, cancels in a comparison of the two runs,
and what is left is about the answer (Wang et al. 2023, "Interpretability in the Wild").
`patching` copies numbers from one run into the other, so the prompts need equal numbers of tokens.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gpt.errors import BadInput
from gpt.text.tokenizers import Tokenizer, encode_with_prefix


class PromptPair(NamedTuple):
    """Two prompts of equal length, and the tokens that answer them."""

    clean: Int[Tensor, " T"]
    corrupted: Int[Tensor, " T"]
    answer: int
    """The answer to the clean prompt."""
    wrong_answer: int
    """The token that it is compared with, usually the answer to the corrupted prompt."""

    @property
    def positions(self) -> list[int]:
        """The positions where the prompts differ."""
        return (self.clean != self.corrupted).nonzero().flatten().tolist()


def prompt_pair(
    tokenizer: Tokenizer, clean: str, corrupted: str, answer: str, wrong_answer: str
) -> PromptPair:
    """Encode two prompts and their answers, which begin with a space where a new word begins.

    Raises:
        BadInput: the prompts are equal or have different numbers of tokens, or an answer is not
            one token.
    """
    rows = [encode_with_prefix(tokenizer, text) for text in (clean, corrupted)]
    if len(rows[0]) != len(rows[1]):
        raise BadInput(
            f"the prompts need equal numbers of tokens, but {clean!r} has {len(rows[0])} and "
            f"{corrupted!r} has {len(rows[1])}; replace words by words of as many tokens"
        )
    if rows[0] == rows[1]:
        raise BadInput(f"the prompts must differ, but both are {clean!r}")
    answers = []
    for text in (answer, wrong_answer):
        tokens = tokenizer.encode(text)
        if len(tokens) != 1:
            raise BadInput(f"an answer must be one token, but {text!r} has {len(tokens)}")
        answers += tokens
    if answers[0] == answers[1]:
        raise BadInput(f"the answers must differ, but both are {answer!r}")
    return PromptPair(torch.tensor(rows[0]), torch.tensor(rows[1]), *answers)


def logit_difference(logits: Float[Tensor, "*B V"], pair: PromptPair) -> Float[Tensor, "*B"]:
    """Return the logit of the answer minus that of the wrong answer: above 0 is right."""
    return logits[..., pair.answer] - logits[..., pair.wrong_answer]
