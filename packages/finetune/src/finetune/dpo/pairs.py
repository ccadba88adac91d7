"""Pairs of answers as token ids, and the micro-batches of a training step."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch

from finetune.assistant.assistant import Assistant
from finetune.conversations.encoding import answer_example
from finetune.conversations.messages import PreferencePair
from finetune.datasets.selection import Selection, TooLong
from finetune.options import DataOptions
from gpt.errors import BadInput
from gpt.policy.rows import (
    EpochSampler,
    Rows,
    pad_examples,
    prompt_answer_example,
    step_batches,
)


class TokenPair(NamedTuple):
    """A prompt and two answers to it; the answers end with the stop token."""

    prompt: list[int]
    chosen: list[int]
    rejected: list[int]


def encode_pair(assistant: Assistant, pair: PreferencePair, context: int) -> TokenPair:
    """Encode a pair as tokens.

    Raises:
        BadInput: both answers are the same tokens.
        TooLong: prompt and answer do not fit into the context.
        DelimiterInContent: a message contains a special token of the format.
    """
    chosen, rejected = (
        answer_example(assistant.format, assistant.tokenizer, pair.messages, answer)
        for answer in (pair.chosen, pair.rejected)
    )
    if chosen == rejected:  # texts that differ in white space, which a chat template may trim
        raise BadInput(f"both answers are the same tokens: {pair.chosen[:40]!r}")
    if max(len(chosen.tokens), len(rejected.tokens)) > context:
        raise TooLong(f"a row does not fit into a context of {context} tokens")
    begin = chosen.mask.index(True)
    return TokenPair(chosen.tokens[:begin], chosen.tokens[begin:], rejected.tokens[begin:])


def pair_selection(config: DataOptions, assistant: Assistant) -> Selection[PreferencePair]:
    """Return the selection of pairs that fit into the context of a run."""
    return config.selection(lambda pair: encode_pair(assistant, pair, config.context), "pairs")


def pair_rows(pairs: Sequence[TokenPair]) -> Rows:
    """Pad pairs to 2B rows: prompts with chosen answers, then prompts with rejected answers."""
    chosen = [prompt_answer_example(pair.prompt, pair.chosen) for pair in pairs]
    rejected = [prompt_answer_example(pair.prompt, pair.rejected) for pair in pairs]
    return pad_examples(chosen + rejected)


def pair_batches(
    pairs: Sequence[TokenPair], epochs: EpochSampler, micro_batch_size: int, device: torch.device
) -> Callable[[int], list[Rows]]:
    """Check the pairs and return the micro-batches of a step, as `step_batches` does.

    Raises:
        BadInput: a pair has an empty part or equal answers, or `epochs` is for other data.
    """
    check_pairs(pairs)
    if epochs.n_rows != len(pairs):
        raise BadInput(f"an order of {epochs.n_rows} rows is not for {len(pairs)} pairs")
    return step_batches(pairs, pair_rows, epochs, micro_batch_size, device)


def check_pairs(pairs: Sequence[TokenPair]) -> None:
    """Check that each pair has a prompt and two different answers."""
    for number, pair in enumerate(pairs):
        for part, tokens in pair._asdict().items():
            if not tokens:
                raise BadInput(f"pair {number} has an empty {part}; it needs at least one token")
        if pair.chosen == pair.rejected:
            raise BadInput(
                f"pair {number} has the same answer twice, {len(pair.chosen)} tokens that begin "
                f"with {pair.chosen[:5]}; equal answers cannot be ranked"
            )
