"""Rows for encoders and encoder-decoders: BERT and Marian of transformers with the same weights."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from gpt.architectures.beam_search import beam_search
from gpt.architectures.decoding import SourceDecoder
from gpt.architectures.masking import MaskedBatch, mask_tokens, masked_language_loss
from gpt.architectures.padding import PaddedTokens
from gpt.architectures.teacher_forcing import PairBatch, make_pair_batch, teacher_forcing_loss
from gpt.comparison.renaming import (
    bert_weights,
    marian_weights,
    to_our_bert,
    to_our_encoder_decoder,
)
from gpt.comparison.rows import (
    ComparisonRow,
    count_unequal,
    max_abs_difference,
    max_abs_difference_by_name,
    time_interleaved,
)
from gpt.comparison.speed import our_stepper, stepper
from gpt.training.accumulation import LossSum


def random_masked_batch(n_rows: int, length: int, vocab_size: int) -> MaskedBatch:
    """Draw rows of unequal lengths, and mask 15 % of their tokens."""
    lengths = torch.randint(length // 2, length + 1, (n_rows,))
    lengths[0] = length
    kept = torch.arange(length) < lengths[:, None]
    tokens = torch.randint(1, vocab_size, (n_rows, length)) * kept
    generator = torch.Generator().manual_seed(0)
    return mask_tokens(PaddedTokens(tokens, kept), 3, vocab_size, generator)


def random_pairs(n_rows: int, length: int, vocab_size: int) -> PairBatch:
    """Draw sources and targets of unequal lengths."""
    lengths = torch.randint(length // 2, length, (2, n_rows))
    lengths[:, 0] = length - 1
    sources, targets = (
        [torch.randint(3, vocab_size, (n,)).tolist() for n in row] for row in lengths.tolist()
    )
    pairs = list(zip(sources, targets, strict=True))
    return make_pair_batch(pairs, 1, 2, length)


def bert_loss(library: Any, batch: MaskedBatch) -> Tensor:
    """Return the library's mean loss of the selected tokens."""
    labels = torch.full_like(batch.tokens, -100).masked_scatter(batch.selected, batch.targets)
    return library(batch.tokens, attention_mask=batch.kept.long(), labels=labels).loss


def marian_loss(library: Any, batch: PairBatch) -> Tensor:
    """Return the library's mean loss of the target tokens."""
    source, source_kept, inputs, targets, target_kept = batch
    labels = targets.masked_fill(~target_kept, -100)
    return library(
        source, attention_mask=source_kept.long(), decoder_input_ids=inputs, labels=labels
    ).loss


def mean_loss(loss: LossSum) -> Tensor:
    """Divide a summed loss by its number of terms."""
    return loss.total / loss.terms


def encoder_rows() -> list[ComparisonRow]:
    """Compare hidden states and gradients with `BertForMaskedLM`, with padding."""
    from gpt import baselines

    library = baselines.small_bert()
    ours, batch = to_our_bert(library), random_masked_batch(4, 20, 60)
    theirs = library.bert(batch.tokens, attention_mask=batch.kept.long()).last_hidden_state
    hidden = max_abs_difference(
        ours.encoder(batch.tokens, batch.kept)[batch.kept], theirs[batch.kept]
    )
    mean_loss(masked_language_loss(ours, batch)).backward()
    bert_loss(library, batch).backward()
    expected = bert_weights(baselines.named_gradients(library), 2)
    gradients = max_abs_difference_by_name(baselines.named_gradients(ours), expected)
    version = baselines.library_version("transformers")
    return [
        ComparisonRow("BERT, hidden states with padding", version, hidden, 1e-5),
        ComparisonRow("BERT, gradients of the masked-language loss", version, gradients, 1e-5),
    ]


def encoder_decoder_rows() -> list[ComparisonRow]:
    """Compare logits, gradients and beams with `MarianMTModel`, with padding."""
    from gpt import baselines

    library = baselines.small_marian()
    ours, batch = to_our_encoder_decoder(library), random_pairs(4, 20, 60)
    source, source_kept, inputs, *_ = batch
    theirs = library(source, attention_mask=source_kept.long(), decoder_input_ids=inputs).logits
    kept = batch.target_kept
    logits = max_abs_difference(ours(source, source_kept, inputs)[kept], theirs[kept])
    mean_loss(teacher_forcing_loss(ours, batch)).backward()
    marian_loss(library, batch).backward()
    expected = marian_weights(baselines.named_gradients(library), 2)
    gradients = max_abs_difference_by_name(baselines.named_gradients(ours), expected)
    version = baselines.library_version("transformers")
    return [
        ComparisonRow("Marian, logits with padding", version, logits, 1e-5),
        ComparisonRow("Marian, gradients", version, gradients, 1e-5),
        *beam_rows(),
    ]


def beam_rows() -> list[ComparisonRow]:
    """Compare all beams of six sources, and their scores, with `generate`."""
    from gpt import baselines

    library, n_beams, n_tokens = baselines.small_marian(scale=0.3), 4, 12
    library.final_logits_bias[0, 2] = 6.0  # or hardly any text would end before the limit
    ours, unequal, largest = to_our_encoder_decoder(library), 0.0, 0.0
    for _ in range(6):
        source = torch.randint(3, 60, (1, 7))
        reader = SourceDecoder(ours, source, torch.ones_like(source, dtype=torch.bool), n_tokens)
        mine = beam_search(reader, 1, 2, n_beams, n_tokens, length_penalty=float)  # divide by |Y|
        theirs = baselines.generate_beams(library, source[0].tolist(), n_beams, n_tokens, 1.0)
        unequal += count_unequal([each.tokens for each in mine], theirs.tokens)
        scores = torch.tensor([each.score for each in mine])
        largest = max(largest, max_abs_difference(scores, torch.tensor(theirs.scores)))
    version = baselines.library_version("transformers")
    return [
        ComparisonRow("Marian, 4 beams of 6 sources", version, unequal, 0.0),
        ComparisonRow("Marian, scores of the beams", version, largest, 1e-5),
    ]


def encoder_step_row() -> ComparisonRow:
    """Compare a training step with `BertForMaskedLM`: 4 layers of width 128, 12 x 64 tokens."""
    from gpt import baselines

    shape = {"hidden_size": 128, "intermediate_size": 512, "num_hidden_layers": 4}
    library = baselines.small_bert(64, 0.0, vocab_size=4096, **shape).train()
    # ours has no such table: its row is part of the positions, which would move twice as fast
    library.bert.embeddings.token_type_embeddings.requires_grad_(False)
    ours, batch = to_our_bert(library).train(), random_masked_batch(12, 64, 4096)
    return step_row(
        "training step, BERT, 4 layers of width 128, 12 x 64",
        our_stepper(ours, lambda: mean_loss(masked_language_loss(ours, batch))),
        stepper(
            torch.optim.AdamW(library.parameters(), lr=1e-4), lambda: bert_loss(library, batch)
        ),
    )


def encoder_decoder_step_row() -> ComparisonRow:
    """Compare a training step with `MarianMTModel`: 3 + 3 layers of width 128, 12 x 48 tokens."""
    from gpt import baselines

    shape = {"d_model": 128, "encoder_layers": 3, "decoder_layers": 3}
    shape |= {"encoder_ffn_dim": 512, "decoder_ffn_dim": 512}
    library = baselines.small_marian(48, 0.0, vocab_size=4096, **shape).train()
    ours, batch = to_our_encoder_decoder(library).train(), random_pairs(12, 48, 4096)
    return step_row(
        "training step, encoder-decoder, 3 + 3 layers of width 128, 12 x 48",
        our_stepper(ours, lambda: mean_loss(teacher_forcing_loss(ours, batch))),
        stepper(
            torch.optim.AdamW(library.parameters(), lr=1e-4), lambda: marian_loss(library, batch)
        ),
    )


def step_row(name: str, ours: Callable[[], float], theirs: Callable[[], float]) -> ComparisonRow:
    """Compare the losses of two steps, then time both sides."""
    from gpt import baselines

    losses = torch.tensor([[ours(), theirs()] for _ in range(2)])
    largest = max_abs_difference(losses[:, 0], losses[:, 1])
    seconds = time_interleaved(ours, theirs, repeats=20)
    return ComparisonRow(
        name, baselines.library_version("transformers"), largest, 1e-4, *seconds, 1.0
    )
