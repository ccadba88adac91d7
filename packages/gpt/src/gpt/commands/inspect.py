"""`gpt inspect`: what a model computes for one prompt, as a page for the browser."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from gpt.errors import BadInput
from gpt.files import write_atomically
from gpt.inside.inspection import MAX_PROMPT_TOKENS, inspect_prompt
from gpt.inside.page import render_page
from gpt.pretrained.loading import load_pretrained
from gpt.runs.folder import RunFolder
from gpt.runs.progress import console, report_message


@dataclass(frozen=True)
class InspectConfig:
    """Write a page that shows what a model computes for a prompt.

    It has attention maps, the predictions after each layer, the alternatives to each token and
    their continuations, the effect of switching each head off, and the numbers of every stage.
    """

    run: Path = Path("runs/gpt")
    """Folder of the run whose model is inspected."""
    model: Annotated[str | None, arg(help_behavior_hint="(default: the model of --run)")] = None
    """Published model to inspect instead: smollm2, a folder in transformers' format, or a hub
    id."""
    prompt: Annotated[
        str, arg(help_behavior_hint=f"(required; at most {MAX_PROMPT_TOKENS} tokens)")
    ] = ""
    """Text that the model reads."""
    to: Path = Path("inspect.html")
    """File to write: one HTML page that needs neither a server nor a network."""
    overwrite: bool = False
    """Replace the file of --to if it exists."""


def run(config: InspectConfig) -> int:
    """Load the model, run it on the prompt, and write the page."""
    check_target(config.to, config.overwrite)
    if config.model is None:
        RunFolder(config.run).read_config()  # a missing run is not looked up on the hub
    name = config.model or config.run.resolve().name
    model, tokenizer = load_pretrained(config.model or str(config.run.resolve()))
    n_heads = model.config.n_layers * model.config.n_heads
    with console.status(f"running the model once without each of its {n_heads} heads ..."):
        inspection = inspect_prompt(model, tokenizer, config.prompt)
    page = render_page(inspection, tokenizer, name).encode()
    write_atomically(config.to, page)
    report_message(f"wrote {config.to} ({len(page) / 1e6:.1f} MB); open it in a browser")
    return 0


def check_target(path: Path, overwrite: bool) -> None:
    """Raise BadInput if the page cannot be written there, before the model is loaded."""
    if path.is_dir() or not path.parent.is_dir():
        raise BadInput(f"--to must name a file in a folder that exists, got {str(path)!r}")
    if path.exists() and not overwrite:
        raise BadInput(f"{str(path)!r} exists; replace it with --overwrite")
