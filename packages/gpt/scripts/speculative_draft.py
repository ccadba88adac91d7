"""Train a small draft on SmolLM2's own answers, and decode faster with it: `speculative_draft`.

    uv run python packages/gpt/scripts/speculative_draft.py --json

One thread of a busy machine, 30 minutes; torch 2.15, Python 3.11. 192 tokens of 4 answers:

               passes   times as fast
    plain         192            1.00
    trained       146            0.87
    lookup        189            1.07

The draft was trained on 5,370 tokens only: it saves passes, but costs more than it saves.

SmolLM2 answers questions about everyday subjects. A GPT of two layers with the same vocabulary is
trained on these answers. Then questions about other subjects are answered by plain decoding, with
the trained draft, and with a draft that copies from the text; all three greedily, in turns, for the
same tokens. `chapters/recorded/speculative_draft.json` is what it printed, and chapter 13 reads it.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from statistics import median
from typing import Any

import numpy as np
import torch

from gpt.errors import BadInput
from gpt.generation.generate import generate, generate_batch
from gpt.generation.sampling import greedy_token
from gpt.generation.speculative import Draft, LookupDraft, ModelDraft, generate_speculatively
from gpt.model.gpt import GPT, GPTConfig
from gpt.pretrained.chat import render_chat
from gpt.pretrained.loading import load_pretrained
from gpt.program import Script
from gpt.recording import measurement_conditions
from gpt.text.pretrained_tokenizer import PretrainedTokenizer
from gpt.text.token_files import RandomWindows
from gpt.training.accumulation import next_token_loss
from gpt.training.loop import LoopConfig, train

SUBJECTS = (
    "water bread rain the moon a river a bridge music money a clock sleep a bicycle the sea a map "
    "fire wood a garden paper glass salt sugar milk a forest an island winter summer a school a "
    "library a doctor a farmer a train a ship a telephone a computer a book a camera electricity "
    "light sound gravity a plant a bird a fish a dog a horse a bee a mountain a desert a city"
)
QUESTIONS = ("What is {}?", "Why is {} important?", "Tell me about {}.", "How does {} work?")


@dataclass(frozen=True)
class Config:
    """Options of the script."""

    n_train: int = 64
    """Questions whose answers the draft is trained on."""
    n_held_out: int = 4
    """Questions about other subjects that are answered with and without drafts."""
    max_new_tokens: int = 48
    """Longest answer, in tokens."""
    steps: int = 100
    """Training steps of the draft."""
    learning_rate: float = 5e-3
    """Peak learning rate of the draft."""
    gamma: int = 3
    """Drafted tokens per pass of SmolLM2. More save more passes if they are kept."""
    repeats: int = 3
    """Timed runs of each way of decoding; the median counts."""
    json: bool = False
    """Print one JSON document instead of a table."""

    def __post_init__(self) -> None:
        """Refuse an experiment without questions, training or drafts."""
        for name in ("n_train", "n_held_out", "max_new_tokens", "steps", "gamma", "repeats"):
            if getattr(self, name) < 1:
                raise BadInput(f"{name} must be at least 1, got {getattr(self, name)}")


def subjects() -> list[str]:
    """Return the subjects, with their articles."""
    words, found = SUBJECTS.split(), []
    while words:
        n = 2 if words[0] in ("a", "an", "the") else 1
        found.append(" ".join(words[:n]))
        words = words[n:]
    return found


def question_prompts(tokenizer: PretrainedTokenizer, config: Config) -> list[list[int]]:
    """Return the prompts of all questions; the last ones are about subjects of their own."""
    assert tokenizer.chat_template is not None
    held_out = -(-config.n_held_out // len(QUESTIONS))
    names = subjects()
    texts = [question.format(name) for name in names for question in QUESTIONS]
    n_left = len(texts) - held_out * len(QUESTIONS)
    if config.n_train > n_left:
        raise BadInput(f"there are {n_left} questions for training, not {config.n_train}")
    chosen = texts[: config.n_train] + texts[-config.n_held_out :]
    return [
        tokenizer.encode_with_specials(
            render_chat(
                tokenizer.chat_template, [{"role": "user", "content": text}], tokenizer.roles
            )
        )
        for text in chosen
    ]


def train_draft(tokens: list[int], vocab_size: int, config: Config) -> GPT:
    """Train a GPT of two layers on the questions and answers."""
    torch.manual_seed(0)
    model = GPT(GPTConfig(vocab_size, 512, n_layers=2, n_heads=4, d_model=64, d_ff=256))
    windows = RandomWindows(np.array(tokens, dtype=np.uint16), 64, 8, seed=0)
    loop = LoopConfig(config.steps, config.learning_rate)
    for record in train(model, lambda step: [windows(step)], next_token_loss, loop):
        if record.step % 20 == 0:
            print(f"step {record.step}: loss {record.loss:.3f}", file=sys.stderr)
    return model.eval()


def measure(
    model: GPT,
    drafts: dict[str, Callable[[], Draft]],
    prompts: list[list[int]],
    end_of_text: int,
    config: Config,
) -> dict[str, Any]:
    """Answer all prompts plainly and with each draft; return tokens, passes and seconds."""
    length, stop = config.max_new_tokens, frozenset([end_of_text])

    def plain(prompt: list[int]) -> Iterator[list[int]]:
        return ([token] for token in generate(model, prompt, length, greedy_token, stop))

    def drafted(make: Callable[[], Draft], prompt: list[int]) -> Iterator[list[int]]:
        return generate_speculatively(
            model, make(), prompt, length, config.gamma, temperature=0.0, stop_tokens=stop
        )

    ways = {"plain": plain} | {name: partial(drafted, make) for name, make in drafts.items()}
    answers = {name: [list(way(prompt)) for prompt in prompts] for name, way in ways.items()}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(config.repeats):
        for name, way in ways.items():
            started = time.perf_counter()
            for prompt in prompts:
                list(way(prompt))
            seconds[name].append(time.perf_counter() - started)
    texts = {name: [list(chain(*passes)) for passes in each] for name, each in answers.items()}
    return {
        name: {
            "tokens": sum(map(len, texts[name])),
            "passes": sum(map(len, answers[name])),
            "different_answers": sum(
                a != b for a, b in zip(texts[name], texts["plain"], strict=True)
            ),
            "seconds": round(median(seconds[name]), 2),
            "speedup": round(median(seconds["plain"]) / median(seconds[name]), 2),
        }
        for name in ways
    }


def main(config: Config) -> int:
    """Answer, train, measure, and print the report."""
    started = time.perf_counter()
    torch.set_num_threads(1)
    model, tokenizer = load_pretrained("smollm2")
    assert isinstance(tokenizer, PretrainedTokenizer)
    prompts = question_prompts(tokenizer, config)
    known, held_out = prompts[: config.n_train], prompts[config.n_train :]
    answers: list[list[int]] = []
    stop = frozenset([tokenizer.end_of_text])
    for begin in range(0, len(known), 16):
        batch = known[begin : begin + 16]
        answers += generate_batch(model, batch, config.max_new_tokens, greedy_token, stop)
        print(f"{len(answers)} answers", file=sys.stderr)
    vocab_size, pairs = model.config.vocab_size, zip(known, answers, strict=True)
    stream = list(chain(*([*prompt, *answer, tokenizer.end_of_text] for prompt, answer in pairs)))
    draft = train_draft(stream, vocab_size, config)
    drafts = {
        "trained": lambda: ModelDraft(draft, temperature=0.0),
        "lookup": lambda: LookupDraft(vocab_size),
    }
    found = {
        "gamma": config.gamma,
        "train_tokens": len(stream),
        "draft_parameters": draft.n_parameters(),
        "model_parameters": model.n_parameters(),
        "decoding": measure(model, drafts, held_out, tokenizer.end_of_text, config),
        **measurement_conditions(torch.device("cpu"), started),
    }
    if config.json:
        print(json.dumps(found, indent=1))
    else:
        for name, each in found["decoding"].items():
            print(
                f"{name:8} {each['passes']:4} passes for {each['tokens']} tokens, "
                f"{each['seconds']} s, {each['speedup']} times as fast"
            )
    return 0


if __name__ == "__main__":
    sys.exit(Script("speculative_draft", Config, main).main())
