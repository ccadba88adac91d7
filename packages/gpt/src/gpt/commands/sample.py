"""`gpt sample`: let a trained model write, token by token."""

from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

import torch

from gpt.device import pick_device
from gpt.errors import BadInput, check_seed
from gpt.generation.generate import check_prompt, generate, stream_text
from gpt.generation.sampling import check_choice, choose
from gpt.runs import load_model


@dataclass(frozen=True)
class SampleConfig:
    """Write with a trained model, to the terminal as it comes."""

    run: Path = Path("runs/gpt")
    """Folder of the run."""
    prompt: str = ""
    """What the text begins with; empty begins a new document."""
    tokens: int = 200
    """Most tokens to write; a document may end before."""
    temperature: float = 0.8
    """Below 1 safer, above 1 bolder; 0 always takes the likeliest token."""
    top_k: int | None = None
    """Choose among the k likeliest tokens only."""
    top_p: float | None = 0.95
    """Choose among the fewest tokens that have this probability together."""
    seed: int = 0
    """The same seed writes the same text."""
    device: str = "auto"
    """auto, cpu, cuda or mps."""

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn."""
        check_choice(self.temperature, self.top_k, self.top_p)
        check_seed(self.seed)
        if self.tokens < 1:
            raise BadInput(f"tokens must be at least 1, got {self.tokens}")


def run(config: SampleConfig) -> int:
    """Print the prompt and what the model makes of it."""
    device = pick_device(config.device)
    model, tokenizer, _ = load_model(config.run, device)
    prompt = tokenizer.encode(config.prompt) or [tokenizer.end_of_text]
    choice = partial(
        choose,
        temperature=config.temperature,
        top_k=config.top_k,
        top_p=config.top_p,
        generator=torch.Generator(device).manual_seed(config.seed),
    )
    check_prompt(model, prompt)
    stop = frozenset({tokenizer.end_of_text})
    tokens = generate(model, prompt, config.tokens, choice, stop)
    for piece in chain([config.prompt], stream_text(tokenizer, tokens), ["\n"]):
        print(piece, end="", flush=True)
    return 0
