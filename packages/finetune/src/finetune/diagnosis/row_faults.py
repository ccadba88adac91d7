"""Detectors for training rows: masks, ends of rows, and overlap with the test set."""

from collections import Counter
from collections.abc import Sequence
from statistics import fmean

from jaxtyping import Int
from torch import Tensor

from finetune.diagnosis.pitfalls import Finding
from gpt.policy.rows import Example


def empty_masks(examples: Sequence[Example]) -> Finding | None:
    """Find rows without a trained token: their mean loss is 0 / 0."""
    share = fmean(not any(example.mask[1:]) for example in examples)
    return Finding.unless(
        share == 0,
        "nothing counts",
        f"{share:.1%} of the rows have no token to train on; shorten prompts so that answers fit "
        "the context, and look at the mask of one row",
        share,
    )


def shifted_mask(examples: Sequence[Example], prompt_lengths: Sequence[int]) -> Finding | None:
    """Find a mask that does not begin at the first token after the prompt.

    The value is the shift in tokens of the row that is furthest off.
    """
    shifts = [
        example.mask.index(True) - length
        for example, length in zip(examples, prompt_lengths, strict=True)
        if any(example.mask)
    ]
    worst = max(shifts, key=abs, default=0)
    what = "leaves out the first tokens of answers" if worst > 0 else "includes tokens of prompts"
    return Finding.unless(
        worst == 0,
        "shifted mask",
        f"the mask {what}, {abs(worst)} in one row; mask[t] belongs to tokens[t], and the model "
        "does the shift to logprobs[t - 1]",
        worst,
    )


def stop_not_trained(examples: Sequence[Example], stop: int) -> Finding | None:
    """Find rows whose last trained token is not the stop token, so the model never learns to stop.

    A common cause: padding and stop token have the same id, and the mask excludes padding by id.
    """
    trained = [
        [token for token, counts in zip(*example, strict=True) if counts] for example in examples
    ]
    missing = fmean(tokens[-1:] != [stop] for tokens in trained)
    return Finding.unless(
        missing == 0,
        "stop token not trained",
        f"in {missing:.1%} of the rows the last trained token is not the stop token {stop}, so "
        "answers will not end; add it to each answer, and mask padding by position, never by token",
        missing,
    )


def left_padding(
    tokens: Int[Tensor, "B T"], lengths: Int[Tensor, " B"], padding: int
) -> Finding | None:
    """Find rows padded on the left: a causal model reads that padding and counts its positions."""
    width = tokens.shape[1]
    n_left = sum(
        bool((row[: width - length] == padding).all()) and not bool((row[length:] == padding).all())
        for row, length in zip(tokens, lengths.tolist(), strict=True)
        if length < width
    )
    return Finding.unless(
        n_left == 0,
        "left padding",
        f"{n_left} of {len(tokens)} rows are padded on the left; pad on the right, where a causal "
        "model never looks",
        n_left / len(tokens),
    )


def truncated_rows(examples: Sequence[Example], context: int) -> Finding | None:
    """Find rows longer than the context: their ends, with the stop tokens, will be cut off."""
    share = fmean(len(example.tokens) > context for example in examples)
    return Finding.unless(
        share == 0,
        "cut off",
        f"{share:.1%} of the rows are longer than the context of {context} tokens; drop them or "
        "shorten their prompts from the left",
        share,
    )


def duplicated_rows(examples: Sequence[Example], most: float = 0.01) -> Finding | None:
    """Find rows that occur more than once and therefore weigh more."""
    counts = Counter(tuple(example.tokens) for example in examples)
    share = 1 - len(counts) / len(examples)
    return Finding.unless(
        share <= most,
        "duplicated rows",
        f"{share:.1%} of the rows repeat others; deduplicate before splitting, or the same row may "
        "be in the training set and in the test set",
        share,
    )


def leaked_texts(training_texts: Sequence[str], held_out: Sequence[str]) -> Finding | None:
    """Find held-out texts that are in the training set, ignoring capitals and spaces."""
    seen = {normalise_text(text) for text in training_texts}
    share = fmean(normalise_text(text) in seen for text in held_out) if held_out else 0.0
    return Finding.unless(
        share == 0,
        "leaked",
        f"{share:.1%} of the held-out texts are in the training set, so the score measures memory; "
        "split by source, after deduplication",
        share,
    )


def normalise_text(text: str) -> str:
    """Lower the case and collapse white space."""
    return " ".join(text.lower().split())
