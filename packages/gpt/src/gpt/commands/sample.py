"""`gpt sample`: generate text, or the answer of a chat model."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import torch
from tyro.conf import arg

from gpt.device import pick_device
from gpt.errors import BadInput, check_seed
from gpt.generation.generate import check_prompt, generate, stream_text
from gpt.generation.sampling import check_sampling_settings, sample_token
from gpt.pretrained.chat import render_chat
from gpt.pretrained.generation import SamplingDefaults, sampling_defaults
from gpt.pretrained.loading import find_model_folder, load_pretrained
from gpt.runs.folder import RunFolder
from gpt.text.pretrained_tokenizer import PretrainedTokenizer
from gpt.text.tokenizers import Tokenizer, encode_with_prefix, end_tokens

MODEL_DEFAULT = "default: the model's own, else"
TEMPERATURE_DEFAULT = f"({MODEL_DEFAULT} 0.8, or 0 with --chat)"


@dataclass(frozen=True)
class SampleConfig:
    """Generate text with a trained model, printed token by token."""

    run: Path = Path("runs/gpt")
    """Folder of the run whose model generates."""
    model: Annotated[str | None, arg(help_behavior_hint="(default: the model of --run)")] = None
    """Published model to use instead: smollm2, a folder in transformers' format, or a hub id."""
    prompt: Annotated[str, arg(help_behavior_hint="(default: begin a new document)")] = ""
    """Text to continue."""
    chat: Annotated[str | None, arg(help_behavior_hint="(default: continue --prompt)")] = None
    """Message that a chat model, such as smollm2, answers."""
    system: Annotated[str | None, arg(help_behavior_hint="(default: the template's own)")] = None
    """System message, placed before --chat."""
    max_new_tokens: int = 200
    """Largest number of tokens to generate; a document or an answer may end earlier."""
    temperature: Annotated[float | None, arg(help_behavior_hint=TEMPERATURE_DEFAULT)] = None
    """Sampling temperature. Lower is more predictable; 0 always takes the most likely token."""
    top_k: Annotated[int | None, arg(help_behavior_hint=f"({MODEL_DEFAULT} all)")] = None
    """Sample only from this many of the most likely tokens. Lower is more predictable."""
    top_p: Annotated[float | None, arg(help_behavior_hint=f"({MODEL_DEFAULT} 0.95)")] = None
    """Sample only from the most likely tokens whose probabilities add up to this.
    Lower is more predictable; 1 allows all."""
    seed: int = 0
    """Random seed; the same seed generates the same text."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Number format of the weights. bf16 needs half the memory and is less exact.
    It is faster where most of the time goes into reading the weights."""
    device: str = "auto"
    """Device: cpu, cuda or mps; auto takes a GPU if there is one."""

    def __post_init__(self) -> None:
        """Check the sampling settings.

        Raises:
            BadInput: one of them is out of range, both a prompt and a chat are given, or a system
                message without a chat.
        """
        temperature, top_k, top_p = self.sampling(SamplingDefaults())
        check_sampling_settings(temperature or 0.0, top_k, top_p)
        check_seed(self.seed)
        if self.max_new_tokens < 1:
            raise BadInput(f"max_new_tokens must be at least 1, got {self.max_new_tokens}")
        if self.chat is not None and self.prompt:
            raise BadInput("give a --prompt to be continued or a --chat to be answered, not both")
        if self.system is not None and self.chat is None:
            raise BadInput("--system goes before a --chat, and there is none")

    def sampling(self, model: SamplingDefaults) -> SamplingDefaults:
        """Return each sampling setting: the option, else the model's default, else ours."""
        chosen = SamplingDefaults(0.8 if self.chat is None else 0.0, None, 0.95)
        model = model._replace(top_k=model.top_k or None)  # 0 in its file keeps all tokens
        options = SamplingDefaults(self.temperature, self.top_k, self.top_p)
        for settings in (model, options):
            given = {name: each for name, each in settings._asdict().items() if each is not None}
            chosen = chosen._replace(**given)
        return chosen


def run(config: SampleConfig) -> int:
    """Print the prompt and its continuation, or the answer, token by token."""
    device = pick_device(config.device)
    if config.model is None:
        RunFolder(config.run).read_config()  # a missing run is not looked up on the hub
    model, tokenizer = load_pretrained(
        config.model or str(config.run.resolve()), device, config.precision
    )
    prompt = encode_prompt(config, tokenizer)
    check_prompt(model, prompt)
    defaults = (
        sampling_defaults(find_model_folder(config.model)) if config.model else SamplingDefaults()
    )
    generator = torch.Generator(device).manual_seed(config.seed)
    sampler = partial(sample_token, **config.sampling(defaults)._asdict(), generator=generator)
    tokens = generate(model, prompt, config.max_new_tokens, sampler, end_tokens(tokenizer))
    print(config.prompt, end="", flush=True)
    for text in stream_text(tokenizer, tokens):
        print(text, end="", flush=True)
    print(flush=True)
    return 0


def encode_prompt(config: SampleConfig, tokenizer: Tokenizer) -> list[int]:
    """Return the tokens of the prompt, or of the chat in the model's template."""
    if config.chat is None:
        return encode_with_prefix(tokenizer, config.prompt) or [tokenizer.end_of_text]
    if not isinstance(tokenizer, PretrainedTokenizer) or tokenizer.chat_template is None:
        raise BadInput(
            "this model has no chat template; give it a --prompt, or use a chat model "
            "such as smollm2"
        )
    messages = [{"role": "user", "content": config.chat}]
    if config.system is not None:
        messages.insert(0, {"role": "system", "content": config.system})
    text = render_chat(tokenizer.chat_template, messages, tokenizer.roles)
    return tokenizer.encode_with_specials(text)
