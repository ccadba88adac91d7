r"""A GPT as a policy: it samples moves, gives each legal move a chance, and plays to the end.

The model reads a state as a trace would spell it: the prompt, then the moves so far. The chances of
moves need no sampling:

    p(x op y | state) = p(x | state) p(op | state, x) p(y | state, x, op)

divided by their sum over all legal moves of the state.
"""

from collections.abc import Sequence
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from gpt.generation.generate import generate_batch
from gpt.generation.sampling import sample_token
from gpt.model.gpt import GPT
from gpt.policy.rows import split_into_batches
from reasoning.evaluation.sampling import ROWS_AT_ONCE
from reasoning.search.cost import Meter, generated_tokens
from reasoning.search.state import Moves, SearchState
from reasoning.start.traces import (
    STEP_END,
    STEP_TOKENS,
    countdown_prompt,
    moves_text,
    parse_move,
)
from reasoning.tasks.countdown import Move, Numbers, after_move, legal_moves
from reasoning.tasks.vocabulary import ANSWER, HIT, MISS, TOKENIZER, WAIT

ATTEMPT_STOPS = {TOKENIZER.end_of_text, *TOKENIZER.encode(f"{HIT} {MISS} {WAIT} {ANSWER}")}
MOVE_STOPS = {*ATTEMPT_STOPS, *TOKENIZER.encode(STEP_END)}


class LanguageModel:
    """The `MovePolicy` of a GPT, for the states of many puzzles at once."""

    def __init__(
        self, model: GPT, generator: torch.Generator, meter: Meter, temperature: float = 1.0
    ) -> None:
        self.model, self.meter = model, meter
        self.known_chances: dict[SearchState, dict[Move, float]] = {}
        """Chances of the moves of all states that were read, so that each is read only once."""
        self.sampler = partial(sample_token, temperature=temperature, generator=generator)
        self.n_sampled = 0
        """Texts that were sampled."""
        self.n_dropped = 0
        """Sampled texts that were left out, because they are not legal moves."""

    def sample_moves(self, states: Sequence[SearchState], n: int) -> list[list[Move]]:
        """Sample `n` next moves of each state; a text that is not a legal move is left out."""
        samples = self.sample_words(states, n, STEP_TOKENS, MOVE_STOPS)
        found = [
            [parse_moves(state.numbers, [*words, STEP_END]) for words in texts]
            for state, texts in zip(states, samples, strict=True)
        ]
        kept = [[moves[0] for moves in row if moves and len(moves) == 1] for row in found]
        self.n_dropped += n * len(states) - sum(map(len, kept))
        return kept

    def sample_endings(self, states: Sequence[SearchState], n: int) -> list[list[Moves]]:
        """Sample `n` endings of each state, up to the verdict; a terminal state has only ().

        An ending with a text that is not a legal move is left out.
        """
        # a state without a legal move is not read: either it is terminal, or it has no ending
        endings: dict[SearchState, list[Moves]] = {
            state: [()] * n if state.is_terminal else [] for state in states
        }
        playable = [state for state in endings if legal_moves(state.numbers)]
        n_moves = max((len(state.numbers) - 1 for state in playable), default=0)
        samples = self.sample_words(playable, n, n_moves * STEP_TOKENS + 1, ATTEMPT_STOPS)
        for state, texts in zip(playable, samples, strict=True):
            found = [parse_moves(state.numbers, words) for words in texts]
            complete = len(state.numbers) - 1
            endings[state] = [moves for moves in found if moves and len(moves) == complete]
            self.n_dropped += n - len(endings[state])
        return [endings[state] for state in states]

    def sample_words(
        self, states: Sequence[SearchState], n: int, max_new_tokens: int, stops: set[int]
    ) -> list[list[list[str]]]:
        """Sample `n` continuations of each state as words, without the stop token."""
        texts: list[list[str]] = []
        rows = [state for state in states for _ in range(n)]
        for batch in split_into_batches(rows, ROWS_AT_ONCE):
            prompts = [state_tokens(state) for state in batch]
            sampled = generate_batch(
                self.model, prompts, max_new_tokens, self.sampler, frozenset(stops)
            )
            for state, tokens in zip(batch, sampled, strict=True):
                self.meter.generated[state.puzzle] += generated_tokens(tokens, max_new_tokens)
                texts.append(as_words(tokens))
        self.n_sampled += len(rows)
        return [texts[begin : begin + n] for begin in range(0, len(texts), n)]

    def move_chances(self, states: Sequence[SearchState]) -> list[dict[Move, float]]:
        """Return the chance of each legal move of each state; they sum to 1 for each state."""
        unread = list(dict.fromkeys(each for each in states if each not in self.known_chances))
        self.known_chances |= zip(unread, self.read_chances(unread), strict=True)
        return [self.known_chances[state] for state in states]

    def read_chances(self, states: Sequence[SearchState]) -> list[dict[Move, float]]:
        """Read different states, and return the chance of each legal move of each."""
        moves = [(state, move) for state in states for move in legal_moves(state.numbers)]
        beginnings = list(dict.fromkeys((state, *move[:2]) for state, move in moves))
        for state in states:
            self.meter.read[state.puzzle] += reading_cost(state)
        if not moves:
            return [{} for _ in states]
        # one row per `x op` gives all three factors: its last three positions predict x, op and y
        texts = [
            state_tokens(state) + TOKENIZER.encode(f"{left} {operator}")
            for state, left, operator in beginnings
        ]
        logprobs = self.last_logprobs(texts)
        row_of = {beginning: row for row, beginning in enumerate(beginnings)}
        rows = torch.tensor([row_of[state, move.left, move.operator] for state, move in moves])
        words = [TOKENIZER.encode(" ".join(map(str, move[:3]))) for _, move in moves]
        # the log-probability of each of the three words of each move
        scores = logprobs[rows[:, None], torch.arange(3), torch.tensor(words)].sum(-1)
        chances: dict[SearchState, dict[Move, float]] = {state: {} for state in states}
        for (state, move), score in zip(moves, scores.exp().tolist(), strict=True):
            chances[state][move] = score
        totals = {state: sum(each.values()) for state, each in chances.items()}
        return [
            {move: chance / totals[state] for move, chance in chances[state].items()}
            for state in states
        ]

    @torch.inference_mode()
    def last_logprobs(self, texts: Sequence[list[int]]) -> Float[Tensor, "B 3 V"]:
        """Return the log-probabilities of the next token after each text's last three tokens."""
        device, parts = self.model.head_weight.device, []
        for batch in split_into_batches(texts, ROWS_AT_ONCE):
            width = max(map(len, batch))
            # padding follows the text, where causal attention cannot see it
            tokens = torch.tensor([text + [0] * (width - len(text)) for text in batch])
            lengths = torch.tensor([len(text) for text in batch])
            columns = lengths[:, None] + torch.arange(-3, 0)
            x = self.model.hidden(tokens.to(device))
            last = x[torch.arange(len(batch))[:, None], columns]
            parts.append(self.model.logits(last).double().log_softmax(-1).cpu())
        return torch.cat(parts)


def state_tokens(state: SearchState) -> list[int]:
    """Return the prompt and the moves so far as tokens."""
    return TOKENIZER.encode(f"{countdown_prompt(state.puzzle)} {moves_text(state.moves)}")


def as_words(tokens: Sequence[int]) -> list[str]:
    """Return the words of tokens that contain no end of text."""
    return [TOKENIZER.words[token] for token in tokens]


def parse_moves(numbers: Numbers, words: Sequence[str]) -> Moves | None:
    """Return the moves of the steps `x op y = z ;`, or None if one of them is not legal."""
    moves: Moves = ()
    for begin in range(0, len(words), STEP_TOKENS):
        move = parse_move(" ".join(words[begin : begin + STEP_TOKENS]), numbers)
        if move is None:
            return None
        moves, numbers = (*moves, move), after_move(numbers, move)
    return moves


def reading_cost(state: SearchState) -> int:
    """Return the tokens to read until every legal move of a state has a chance.

    The model reads `y = z ;` of the last move, since `x op` was read for the state before. Then it
    reads each different first number x once, and each different `x op` once.
    """
    moves = legal_moves(state.numbers)
    n_beginnings = len({move.left for move in moves}) + len({move[:2] for move in moves})
    return n_beginnings + (4 if moves and state.moves else 0)
