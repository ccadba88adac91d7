"""`gpt sample`: let a model write, token by token, or answer."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import torch

from gpt.device import pick_device
from gpt.errors import BadInput, check_seed
from gpt.generation.generate import check_prompt, generate, stream_text
from gpt.generation.sampling import check_sampling_settings, sample_token
from gpt.pretrained.chat import render_chat
from gpt.pretrained.generation import SamplingDefaults, sampling_defaults
from gpt.pretrained.loading import find_model_folder, load_pretrained
from gpt.runs.folder import RunFolder
from gpt.text.pretrained_tokenizer import PretrainedTokenizer
from gpt.text.tokenizers import Tokenizer, end_tokens


@dataclass(frozen=True)
class SampleConfig:
    """Write with a trained model, to the terminal as it comes."""

    run: Path = Path("runs/gpt")
    """Folder of the run."""
    model: str | None = None
    """Instead of a run: smollm2, a folder in the layout of transformers, or a hub id."""
    prompt: str = ""
    """What the text begins with; empty begins a new document."""
    chat: str | None = None
    """In place of a prompt: what to say to a chat model, such as smollm2."""
    system: str | None = None
    """System message of a chat. Default: the template's own."""
    tokens: int = 200
    """Most tokens to write; a document or an answer may end before."""
    temperature: float | None = None
    """Lower is more predictable; 0 always takes the likeliest token. Default: the model's own, if
    its generation_config.json has one, else 0.8, and 0 to answer a chat."""
    top_k: int | None = None
    """Choose among the k likeliest tokens only. Default: as the model says, else all."""
    top_p: float | None = None
    """Choose among the fewest tokens that have this probability together; 1 allows all. Default: as
    the model says, else 0.95."""
    seed: int = 0
    """The same seed writes the same text."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Format of the weights; bf16 takes half the memory, and half the time where memory is slow."""
    device: str = "auto"
    """auto, cpu, cuda or mps."""

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn."""
        temperature, top_k, top_p = self.drawing(SamplingDefaults())
        check_sampling_settings(temperature or 0.0, top_k, top_p)
        check_seed(self.seed)
        if self.tokens < 1:
            raise BadInput(f"tokens must be at least 1, got {self.tokens}")
        if self.chat is not None and self.prompt:
            raise BadInput("give a --prompt to be continued or a --chat to be answered, not both")

    def drawing(self, model: SamplingDefaults) -> SamplingDefaults:
        """Return the settings of drawing: options, then the model's defaults, then ours."""
        ours = SamplingDefaults(0.8 if self.chat is None else 0.0, None, 0.95)
        asked = SamplingDefaults(self.temperature, self.top_k, self.top_p)
        model = model._replace(top_k=model.top_k or None)  # 0 in its file keeps all tokens
        return SamplingDefaults(*map(first_not_none, asked, model, ours))


def first_not_none(*values: Any) -> Any:
    """The first value that is not None."""
    return next((value for value in values if value is not None), None)


def run(config: SampleConfig) -> int:
    """Print what the model makes of the prompt, or its answer."""
    device = pick_device(config.device)
    if config.model is None:
        RunFolder(config.run).read_config()  # says how to make one where there is none
    model, tokenizer = load_pretrained(
        config.model or str(config.run.resolve()), device, config.precision
    )
    prompt = encode_prompt(config, tokenizer)
    check_prompt(model, prompt)
    defaults = (
        sampling_defaults(find_model_folder(config.model)) if config.model else SamplingDefaults()
    )
    choice = partial(
        sample_token,
        **config.drawing(defaults)._asdict(),
        generator=torch.Generator(device).manual_seed(config.seed),
    )
    tokens = generate(model, prompt, config.tokens, choice, end_tokens(tokenizer))
    pieces: Iterable[str] = stream_text(tokenizer, tokens)
    for piece in chain([config.prompt], pieces, ["\n"]):
        print(piece, end="", flush=True)
    return 0


def encode_prompt(config: SampleConfig, tokenizer: Tokenizer) -> list[int]:
    """The tokens that the model goes on from."""
    if config.chat is None:
        begin = tokenizer.prefix if isinstance(tokenizer, PretrainedTokenizer) else []
        return [*begin, *tokenizer.encode(config.prompt)] or [tokenizer.end_of_text]
    if not isinstance(tokenizer, PretrainedTokenizer) or tokenizer.chat_template is None:
        raise BadInput("this model has no chat template; give it a --prompt, or take a chat model")
    messages = [{"role": "user", "content": config.chat}]
    if config.system is not None:
        messages.insert(0, {"role": "system", "content": config.system})
    text = render_chat(tokenizer.chat_template, messages, tokenizer.roles)
    return tokenizer.encode_with_specials(text)
