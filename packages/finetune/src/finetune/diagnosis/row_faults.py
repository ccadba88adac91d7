"""Faults of training rows: what counts, where rows end, and what they share with the test."""

from collections import Counter
from collections.abc import Sequence
from statistics import fmean

from jaxtyping import Int
from torch import Tensor

from finetune.conversations.rows import Example
from finetune.diagnosis.pitfalls import Finding


def empty_masks(examples: Sequence[Example]) -> Finding | None:
    """Rows without a counted token: their loss is 0 / 0, or silently nothing."""
    share = fmean(not any(example.mask[1:]) for example in examples)
    if share == 0:
        return None
    return Finding(
        "nothing counts",
        f"{share:.1%} of the rows have no token that counts; cut prompts so that answers fit the "
        "context, and look at the mask of one row",
        share,
    )


def shifted_mask(examples: Sequence[Example], prompt_lengths: Sequence[int]) -> Finding | None:
    """A mask that begins beside the first token of the answer, which comes after the prompt.

    The value is by how much, in the row that is furthest off.
    """
    shifts = [
        example.mask.index(True) - length
        for example, length in zip(examples, prompt_lengths, strict=True)
        if any(example.mask)
    ]
    worst = max(shifts, key=abs, default=0)
    if worst == 0:
        return None
    what = "leaves out the first tokens of answers" if worst > 0 else "counts tokens of prompts"
    return Finding(
        "shifted mask",
        f"the mask {what}, {abs(worst)} in one row; mask[t] belongs to tokens[t], and the shift to "
        "logprobs[t - 1] is the model's business",
        worst,
    )


def stop_not_trained(examples: Sequence[Example], stop: int) -> Finding | None:
    """Rows whose last counted token is another than the stop token, so no end is learned.

    It is so where padding and stop token are one, and the mask drops padding.
    """
    missing = fmean(not ends_with_stop(example, stop) for example in examples)
    if missing == 0:
        return None
    return Finding(
        "stop token not trained",
        f"in {missing:.1%} of the rows the last token that counts is not the stop token {stop}, so "
        "answers will not end; add it to each answer, and mask by position, never by the padding's "
        "token",
        missing,
    )


def ends_with_stop(example: Example, stop: int) -> bool:
    """Whether the last counted token is the stop token."""
    counted = [token for token, counts in zip(*example, strict=True) if counts]
    return counted[-1:] == [stop]


def left_padding(
    tokens: Int[Tensor, "B T"], lengths: Int[Tensor, " B"], padding: int
) -> Finding | None:
    """Rows with their padding in front, which a causal model reads and learned positions count."""
    width = tokens.shape[1]
    n_left = sum(
        bool((row[: width - length] == padding).all()) and not bool((row[length:] == padding).all())
        for row, length in zip(tokens, lengths.tolist(), strict=True)
        if length < width
    )
    if n_left == 0:
        return None
    return Finding(
        "left padding",
        f"{n_left} of {len(tokens)} rows are padded at the left; pad at the right, where a causal "
        "model never looks",
        n_left / len(tokens),
    )


def truncated_rows(examples: Sequence[Example], context: int) -> Finding | None:
    """Rows longer than the context, whose ends, and with them their stop tokens, will be cut."""
    share = fmean(len(example.tokens) > context for example in examples)
    if share == 0:
        return None
    return Finding(
        "cut off",
        f"{share:.1%} of the rows are longer than the context of {context} tokens; drop them or "
        "shorten their prompts from the left",
        share,
    )


def duplicated_rows(examples: Sequence[Example], most: float = 0.01) -> Finding | None:
    """Rows that stand there more than once, and weigh accordingly."""
    times = Counter(tuple(example.tokens) for example in examples)
    share = 1 - len(times) / len(examples)
    if share <= most:
        return None
    return Finding(
        "duplicated rows",
        f"{share:.1%} of the rows repeat others; deduplicate before splitting, or some will be in "
        "the training and in the test",
        share,
    )


def leaked_texts(trained: Sequence[str], held_out: Sequence[str]) -> Finding | None:
    """Held-out texts that were trained on, but for capitals and spaces."""
    seen = {normalise_text(text) for text in trained}
    share = fmean(normalise_text(text) in seen for text in held_out) if held_out else 0.0
    if share == 0:
        return None
    return Finding(
        "leaked",
        f"{share:.1%} of the held-out texts are among those trained on, so the score is of memory; "
        "split by source, after deduplication",
        share,
    )


def normalise_text(text: str) -> str:
    """The text without what does not matter."""
    return " ".join(text.lower().split())
