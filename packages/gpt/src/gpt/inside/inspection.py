"""Everything that the page of `gpt inspect` shows about one prompt, computed by the model itself.

Attention maps and the logit lens take one forward pass each. The page has no model, so two kinds of
experiments are run in advance: every head is taken out once, and the likeliest alternatives to the
last tokens are continued greedily.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from einops import rearrange, repeat
from jaxtyping import Float, Int
from torch import Tensor

from gpt.errors import BadInput
from gpt.generation.generate import check_prompt, generate_batch
from gpt.generation.sampling import greedy_token
from gpt.inside.activations import (
    Point,
    edited,
    hidden_from_block,
    record_activations,
)
from gpt.inside.attention_maps import attention_maps
from gpt.inside.head_types import PATTERNS, pattern_scores
from gpt.inside.lens import logit_lens
from gpt.inside.trace import Trace, trace_text
from gpt.model.gpt import GPT
from gpt.text.tokenizers import Tokenizer, encode_with_prefix, end_tokens

MAX_PROMPT_TOKENS = 64
"""Longest prompt of a page: attention maps grow with its square."""
MAX_ATTENTION_WEIGHTS = 2_000_000
"""Most attention weights of a page; each takes 4/3 of a byte in its file."""
N_LENS_TOKENS = 5
"""Predictions kept for each layer and position."""
N_ALTERNATIVES = 10
"""Alternatives kept for each token."""
N_CONTINUED_POSITIONS = 10
"""Positions, counted from the end, whose alternatives are continued."""
N_CONTINUED_ALTERNATIVES = 5
"""Alternatives that are continued at each of these positions."""
N_CONTINUATION_TOKENS = 16
"""Tokens in a continuation."""


class TopTokens(NamedTuple):
    """The most likely tokens of each distribution, likeliest first."""

    tokens: Int[Tensor, "*B M"]
    probabilities: Float[Tensor, "*B M"]


class Lens(NamedTuple):
    """The predictions of the logit lens after 0, 1, ..., L blocks."""

    top: TopTokens
    """The likeliest tokens of each layer and position: N T M."""
    answer_probabilities: Float[Tensor, "N T"]
    """Probability of the token that the last layer ranks first at that position."""


class HeadAblations(NamedTuple):
    """The prediction after the prompt, with one head at a time replaced by zeros."""

    top: TopTokens
    """The likeliest tokens without this head: L H M."""
    intact: Float[Tensor, "L H M"]
    """Probabilities of those tokens with all heads."""
    ablated: Float[Tensor, "L H M"]
    """Probabilities, without this head, of the likeliest tokens with all heads."""
    changes: Float[Tensor, "L H"]
    """log p(answer) without the head minus log p(answer) with it, in nats."""


class Continuation(NamedTuple):
    """The greedy continuation of the prompt's first tokens and one alternative."""

    position: int
    """Number of prompt tokens that come before the alternative."""
    alternative: int
    """The token that takes this position."""
    tokens: list[int]
    """The tokens that the model generates after it."""


@dataclass(frozen=True, eq=False)
class Inspection:
    """One prompt inside one model; the answer is the likeliest token after the prompt."""

    tokens: list[int]
    """The prompt."""
    attention: Float[Tensor, "L H T T"]
    """Attention weights: row t holds the weights that position t gives to positions 0 to t."""
    head_types: dict[str, Float[Tensor, "L H"]]
    """Scores of all heads for each pattern of attention that has a key in this prompt."""
    lens: Lens
    """Predictions after each layer."""
    alternatives: TopTokens
    """The likeliest next tokens of each position, by the whole model: T M."""
    token_probabilities: Float[Tensor, " U"]
    """Probability that the model gave to each token of the prompt but the first."""
    ablations: HeadAblations
    """Predictions without each head."""
    continuations: list[Continuation]
    """Continuations of the likeliest alternatives to the last tokens."""
    trace: Trace
    """The stages of the forward pass, in one block."""

    @property
    def answer(self) -> int:
        """The likeliest token after the prompt."""
        return int(self.alternatives.tokens[-1, 0])


def inspect_prompt(model: GPT, tokenizer: Tokenizer, prompt: str) -> Inspection:
    """Compute what the page shows.

    Raises:
        BadInput: the prompt is empty, or has more tokens than the model or the page can take; or
            the model computes no finite numbers.
    """
    if not prompt:
        raise BadInput('there is no prompt; give a text to inspect, such as --prompt "The list"')
    tokens = encode_with_prefix(tokenizer, prompt)
    check_inspectable(model, tokens)
    row = torch.tensor([tokens], device=next(model.parameters()).device)
    logits = logit_lens(model, row)[:, 0].float()  # N T V
    if not logits.isfinite().all():
        raise BadInput("the model's logits are not all finite numbers, so its weights are damaged")
    probabilities = logits[-1].softmax(dim=-1)
    alternatives = top_tokens(logits[-1], N_ALTERNATIVES)
    maps = attention_maps(model, row)
    patterns = {name: pattern(row[0]) for name, pattern in PATTERNS.items()}
    return Inspection(
        tokens=tokens,
        attention=rearrange(maps, "L 1 H T S -> L H T S"),
        head_types={
            name: pattern_scores(maps, pattern[None])
            for name, pattern in patterns.items()
            if pattern.any()
        },
        lens=lens_predictions(logits),
        alternatives=alternatives,
        token_probabilities=probabilities[:-1].gather(1, row[0, 1:, None])[:, 0],
        ablations=ablate_each_head(model, row),
        continuations=continue_alternatives(model, tokens, alternatives, end_tokens(tokenizer)),
        trace=trace_text(model, tokenizer, prompt),
    )


def check_inspectable(model: GPT, tokens: list[int]) -> None:
    """Raise BadInput if the model cannot read this prompt, or its page would be too large."""
    check_prompt(model, tokens)
    n_tokens, n_heads = len(tokens), model.config.n_layers * model.config.n_heads
    longest = MAX_PROMPT_TOKENS
    while n_heads * longest * (longest + 1) // 2 > MAX_ATTENTION_WEIGHTS:
        longest -= 1
    if n_tokens > longest:
        raise BadInput(
            f"the prompt has {n_tokens} tokens; a page shows at most {longest} for a model of "
            f"{n_heads} heads"
        )


def top_tokens(logits: Float[Tensor, "*B V"], n: int) -> TopTokens:
    """Return the n likeliest tokens and their probabilities under the whole softmax."""
    probabilities, tokens = logits.softmax(dim=-1).topk(min(n, logits.shape[-1]))
    return TopTokens(tokens, probabilities)


def lens_predictions(logits: Float[Tensor, "N T V"]) -> Lens:
    """Return the predictions of all layers, and how probable each finds the last layer's."""
    answers = repeat(logits[-1].argmax(dim=-1), "T -> N T 1", N=len(logits))
    answer_probabilities = logits.softmax(dim=-1).gather(-1, answers)[..., 0]
    return Lens(top_tokens(logits, N_LENS_TOKENS), answer_probabilities)


@torch.no_grad()
def ablate_each_head(model: GPT, tokens: Int[Tensor, "1 T"]) -> HeadAblations:
    """Predict the next token without each head: those of a layer are the rows of one batch.

    The blocks below that layer compute the same for all of them, so the batch starts there.
    """
    n_layers, n_heads = model.config.n_layers, model.config.n_heads
    kept = 1 - torch.eye(n_heads, device=tokens.device)[:, None, :, None]  # row h loses head h
    residuals = record_activations(model, tokens, [Point("residual", i) for i in range(n_layers)])
    intact = model(tokens)[0, -1].float().log_softmax(dim=-1)
    likeliest = intact.topk(min(N_LENS_TOKENS, len(intact))).indices
    layers: list[HeadAblations] = []
    for layer in range(n_layers):
        x = repeat(residuals[Point("residual", layer)], "1 T D -> H T D", H=n_heads)
        with edited(model, {Point("heads", layer): lambda each: each * kept.to(each.dtype)}):
            logits = model.logits(hidden_from_block(model, x, layer)[:, -1]).float()  # H V
        ablated = logits.log_softmax(dim=-1)[:, likeliest]
        top, changes = top_tokens(logits, N_LENS_TOKENS), ablated[:, 0] - intact[likeliest[0]]
        layers.append(HeadAblations(top, intact[top.tokens].exp(), ablated.exp(), changes))
    tops, *others = zip(*layers, strict=True)
    top = TopTokens(*(torch.stack(each) for each in zip(*tops, strict=True)))
    return HeadAblations(top, *map(torch.stack, others))


def continue_alternatives(
    model: GPT, tokens: list[int], alternatives: TopTokens, stop_tokens: frozenset[int]
) -> list[Continuation]:
    """Generate greedily from the likeliest alternatives at the last positions, as one batch."""
    first = max(1, len(tokens) + 1 - N_CONTINUED_POSITIONS)
    choices = [
        (position, alternative)
        for position in range(first, len(tokens) + 1)
        for alternative in alternatives.tokens[position - 1, :N_CONTINUED_ALTERNATIVES].tolist()
        if alternative not in stop_tokens
    ]
    context = model.config.context
    prompts = [[*tokens[:position], alternative][-context:] for position, alternative in choices]
    texts = generate_batch(model, prompts, N_CONTINUATION_TOKENS, greedy_token, stop_tokens)
    return [Continuation(*choice, text) for choice, text in zip(choices, texts, strict=True)]
