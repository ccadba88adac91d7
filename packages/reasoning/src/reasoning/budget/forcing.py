"""Budget forcing: a trace with a given number of attempts (Muennighoff et al. 2025, section 3.1).

    hard stop   after the last attempt that is allowed, the next word is `answer`
    wait        where the model would answer before that attempt, `wait` is put there instead

The model and its weights stay the same. The forcing is a token sampler: at every step it draws the
next word of each trace, and replaces it where the budget says so. The paper counts tokens of
thought; here a budget is a number of attempts, each with its verdict.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from gpt.errors import BadInput
from gpt.generation.generate import generate_batch
from gpt.generation.sampling import sample_token
from gpt.model.gpt import GPT
from gpt.text.tokenizers import decode
from reasoning.evaluation.sampling import ROWS_AT_ONCE
from reasoning.tasks.vocabulary import ANSWER, HIT, MISS, TOKENIZER, WAIT

MAX_FORCED_TRACE = 180
"""Tokens of eight attempts (20 each) and an answer."""
ANSWER_TOKEN, HIT_TOKEN, MISS_TOKEN, WAIT_TOKEN = TOKENIZER.encode(
    " ".join((ANSWER, HIT, MISS, WAIT))
)


class AttemptBudget(NamedTuple):
    """Number of attempts of a trace."""

    n_attempts: int
    stops_at_hit: bool = False
    """Adaptive: answer after the first `hit`, so that only misses get another attempt. Without it,
    every trace has exactly `n_attempts`, whatever it claims."""


class BudgetForcing:
    """A token sampler that keeps every trace of a batch to a budget of attempts."""

    def __init__(
        self,
        n_rows: int,
        budget: AttemptBudget,
        temperature: float,
        generator: torch.Generator,
    ) -> None:
        if budget.n_attempts < 1:
            raise BadInput(f"n_attempts must be at least 1, got {budget.n_attempts}")
        self.budget, self.temperature, self.generator = budget, temperature, generator
        device = generator.device
        self.is_thinking = torch.ones(n_rows, dtype=torch.bool, device=device)
        self.attempts = torch.zeros(n_rows, dtype=torch.long, device=device)
        """Verdicts of each trace so far."""
        self.claims_hit = torch.zeros(n_rows, dtype=torch.bool, device=device)
        """Whether the last word of each trace was `hit`."""
        self.inserted_waits = torch.zeros(n_rows, dtype=torch.long, device=device)
        """How often `wait` replaced a word of each trace."""

    def __call__(self, logits: Float[Tensor, "B V"]) -> Int[Tensor, " B"]:
        """Draw the next token of each trace, and replace it where the budget says so."""
        tokens = sample_token(logits, self.temperature, generator=self.generator)
        has_spent = self.attempts >= self.budget.n_attempts
        if self.budget.stops_at_hit:
            has_spent = has_spent | self.claims_hit
        wants_to_end = is_one_of(tokens, ANSWER_TOKEN, TOKENIZER.end_of_text)
        must_answer = self.is_thinking & has_spent
        must_wait = self.is_thinking & ~has_spent & wants_to_end
        tokens = tokens.masked_fill(must_answer, ANSWER_TOKEN).masked_fill(must_wait, WAIT_TOKEN)
        self.inserted_waits += must_wait
        self.is_thinking = self.is_thinking & (tokens != ANSWER_TOKEN)
        self.attempts += self.is_thinking & is_one_of(tokens, HIT_TOKEN, MISS_TOKEN)
        self.claims_hit = tokens == HIT_TOKEN
        return tokens


def is_one_of(tokens: Int[Tensor, " B"], first: int, second: int) -> Bool[Tensor, " B"]:
    """Return for each token whether it is one of two."""
    return (tokens == first) | (tokens == second)


class ForcedTrace(NamedTuple):
    """A trace that was kept to a budget."""

    text: str
    n_attempts: int
    """Verdicts before the answer; fewer than the budget where the tokens ran out."""
    n_tokens: int
    """Tokens of the text, including inserted ones."""
    n_inserted_waits: int
    is_finished: bool
    """Whether the trace reached the word `answer`."""


def forced_traces(
    model: GPT,
    prompts: list[str],
    budget: AttemptBudget,
    temperature: float,
    generator: torch.Generator,
    max_new_tokens: int = MAX_FORCED_TRACE,
) -> list[ForcedTrace]:
    """Sample a trace after each prompt, with the attempts of the budget.

    Two budgets with generators in the same state draw the same words until the budgets differ.

    Raises:
        BadInput: the budget allows no attempt, or a prompt has a word outside of the vocabulary.
    """
    rows, stop = list(map(TOKENIZER.encode, prompts)), frozenset({TOKENIZER.end_of_text})
    traces = []
    for begin in range(0, len(rows), ROWS_AT_ONCE):
        part = rows[begin : begin + ROWS_AT_ONCE]
        forcing = BudgetForcing(len(part), budget, temperature, generator)
        texts = generate_batch(model, part, max_new_tokens, forcing, stop)
        counts = (forcing.attempts, forcing.inserted_waits, forcing.is_thinking)
        for tokens, n_attempts, n_waits, is_thinking in zip(
            texts, *(count.tolist() for count in counts), strict=True
        ):
            text = decode(TOKENIZER, tokens).strip()
            traces.append(ForcedTrace(text, n_attempts, len(tokens), n_waits, not is_thinking))
    return traces
