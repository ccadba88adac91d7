"""One task for three architectures: how GPT, BERT and T5 each turn a source into an answer.

A task is a list of pairs of a source and its answer (the text-to-text form of Raffel et al. 2020),
so the same pairs train all three:

    GPT     reads source <begin> answer        and predicts each answer token from the text before
    BERT    reads <mask> ... <begin> source    and predicts all answer tokens at once
    T5      encodes source, and decodes the answer from <begin>

BERT gets as many mask tokens as the longest answer has, and fills those after the answer with end
tokens. Predicting all of them at once works where the source decides every token; where several
answers are right, their tokens would be mixed (the multimodality problem of Gu et al. 2018).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor, nn

from gpt.architectures.decoding import SourceDecoder, greedy_decode
from gpt.architectures.encoder import EncoderConfig, MaskedLanguageModel
from gpt.architectures.encoder_decoder import EncoderDecoder, EncoderDecoderConfig
from gpt.architectures.masking import MaskedBatch, masked_language_loss
from gpt.architectures.padding import pad_sequences
from gpt.architectures.teacher_forcing import TokenPair, make_pair_batch, teacher_forcing_loss
from gpt.generation.generate import generate_batch
from gpt.generation.sampling import greedy_token
from gpt.model.gpt import GPT, GPTConfig
from gpt.training.accumulation import LossFunction, LossSum


class AnswerFormat(NamedTuple):
    """Special tokens and sizes of a task."""

    begin: int
    end: int
    mask: int
    vocab_size: int
    max_source: int
    """Tokens of the longest source."""
    max_answer: int
    """Tokens of the longest answer, with its end token."""

    @property
    def context(self) -> int:
        """Longest row of a model that reads source and answer as one text."""
        return self.max_source + self.max_answer + 1


@dataclass(frozen=True)
class AnsweringModel:
    """A model, how it is trained on pairs, and how it answers."""

    model: Any
    batch: Callable[[list[TokenPair]], Any]
    loss: LossFunction
    answer: Callable[[list[list[int]]], list[list[int]]]
    """Returns the answers to sources, without end tokens."""


class AnswerBatch(NamedTuple):
    """Sources and answers as one text per row, and the answer tokens to predict."""

    tokens: Int[Tensor, "B T"]
    targets: Int[Tensor, "B T"]
    """The next tokens; -100 where the next token is not part of an answer."""


def answer_loss(model: nn.Module, batch: AnswerBatch) -> LossSum:
    """Return the summed cross-entropy of the answers, end tokens included, in nats."""
    logits = model(batch.tokens).flatten(0, 1)
    total = nn.functional.cross_entropy(logits, batch.targets.flatten(), reduction="sum")
    return LossSum(total, int((batch.targets >= 0).sum()))


def decoder_only(form: AnswerFormat, n_layers: int, d_model: int) -> AnsweringModel:
    """Make a GPT that reads the source as a prompt and continues with the answer."""
    sizes = (form.vocab_size, form.context, n_layers, 4, d_model, 4 * d_model)
    model = GPT(GPTConfig(*sizes, positions="learned", attention_bias=True))

    def batch(pairs: list[TokenPair]) -> AnswerBatch:
        texts = [[*source, form.begin, *target, form.end] for source, target in pairs]
        tokens, kept = pad_sequences(texts, form.context + 1)
        targets = tokens[:, 1:].masked_fill(~kept[:, 1:], -100)
        for row, (source, _) in enumerate(pairs):
            targets[row, : len(source)] = -100
        return AnswerBatch(tokens[:, :-1], targets)

    def answer(sources: list[list[int]]) -> list[list[int]]:
        prompts = [[*source, form.begin] for source in sources]
        return generate_batch(model, prompts, form.max_answer, greedy_token, frozenset({form.end}))

    return AnsweringModel(model, batch, answer_loss, answer)


def encoder_only(form: AnswerFormat, n_layers: int, d_model: int) -> AnsweringModel:
    """Make a BERT that reads the source and a mask token for each answer token, and fills them."""
    sizes = (form.vocab_size, form.context, n_layers, 4, d_model, 4 * d_model)
    model = MaskedLanguageModel(EncoderConfig(*sizes, norm="pre"))

    def masked(sources: list[list[int]]) -> MaskedBatch:
        slots = [form.mask] * form.max_answer
        tokens, kept = pad_sequences(
            [[*slots, form.begin, *each] for each in sources], form.context
        )
        is_slot = torch.zeros_like(kept)
        is_slot[:, : form.max_answer] = True  # first, so that their positions are always the same
        return MaskedBatch(tokens, kept, is_slot, tokens[is_slot])

    def batch(pairs: list[TokenPair]) -> MaskedBatch:
        answers = [[*target, *[form.end] * (form.max_answer - len(target))] for _, target in pairs]
        return masked([source for source, _ in pairs])._replace(
            targets=torch.tensor(answers).flatten()
        )

    @torch.no_grad()
    def answer(sources: list[list[int]]) -> list[list[int]]:
        tokens, kept, selected, _ = masked(sources)
        best = model(tokens, kept)[selected].argmax(dim=-1).view(len(sources), -1).tolist()
        return [row[: row.index(form.end)] if form.end in row else row for row in best]

    return AnsweringModel(model, batch, masked_language_loss, answer)


def encoder_decoder(form: AnswerFormat, n_layers: int, d_model: int) -> AnsweringModel:
    """Make a T5: half of the layers encode the source, and half decode the answer.

    A decoder block has 4 d_model^2 more weights, in cross-attention. With d_ff = 3 d_model instead
    of 4, the blocks together have as many as those of the others: 12 d_model^2 per layer.
    """
    sizes = (form.vocab_size, form.context, n_layers // 2, 4, d_model, 3 * d_model)
    model = EncoderDecoder(EncoderDecoderConfig(*sizes))

    def batch(pairs: list[TokenPair]) -> Any:
        return make_pair_batch(pairs, form.begin, form.end, form.context)

    def answer(sources: list[list[int]]) -> list[list[int]]:
        source, kept = pad_sequences(sources, form.context)
        reader = SourceDecoder(model, source, kept, form.max_answer)
        return greedy_decode(reader, len(sources), form.begin, form.end, form.max_answer)

    return AnsweringModel(model, batch, teacher_forcing_loss, answer)


SHAPES = {"GPT": decoder_only, "BERT": encoder_only, "T5": encoder_decoder}
