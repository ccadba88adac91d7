"""Write an inspection as one HTML file that needs nothing else: no network, no library, no server.

The numbers go into a JSON block, rounded: attention weights to 1/255, probabilities and changes of
log-probabilities to four decimals. The page's own style and script are in `page_assets`; a content
security policy lets the browser run this script only, and load nothing.
"""

import base64
import hashlib
import html
import json
import re
from importlib.resources import files
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from gpt.inside.inspection import (
    N_CONTINUATION_TOKENS,
    N_CONTINUED_ALTERNATIVES,
    N_CONTINUED_POSITIONS,
    Inspection,
    TopTokens,
)
from gpt.inside.page_trace import MAX_COLUMNS, trace_data
from gpt.text.tokenizers import Tokenizer, decode

ASSETS = files("gpt.inside") / "page_assets"
SCRIPTS = (
    "data",
    "tokens",
    "alternatives",
    "lens",
    "heads",
    "ablation",
    "matrix",
    "trace",
    "main",
)
"""The parts of the script, in the order in which they are joined."""
DECIMALS = 4


def render_page(inspection: Inspection, tokenizer: Tokenizer, model_name: str) -> str:
    """Return the page of an inspection."""
    style = read_asset("page.css")
    script = "\n".join(read_asset(f"{name}.js") for name in SCRIPTS)
    parts = {
        "title": html.escape(f"Inside {model_name}"),
        "style_hash": content_hash(style),
        "script_hash": content_hash(script),
        "style": style,
        "script": script,
        "data": embedded_json(page_data(inspection, tokenizer, model_name)),
    }
    # in one pass: what is filled in, such as a prompt, is never searched for names
    return re.sub(r"\{\{ (\w+) \}\}", lambda match: parts[match[1]], read_asset("page.html"))


def read_asset(name: str) -> str:
    """Return the text of a file of `page_assets`."""
    return (ASSETS / name).read_text(encoding="utf-8")


def page_data(inspection: Inspection, tokenizer: Tokenizer, model_name: str) -> dict[str, Any]:
    """Return the data that the script of the page reads from the JSON block."""
    lens, ablations = inspection.lens, inspection.ablations
    tokens = inspection.tokens
    shown = {*tokens, inspection.answer}
    for top in (lens.top, inspection.alternatives, ablations.top):
        shown.update(top.tokens.flatten().tolist())
    vocabulary = {token: token_text(tokenizer, token) for token in sorted(shown)}
    likeliest = inspection.alternatives.tokens[-1, :MAX_COLUMNS].tolist()
    n_layers, n_heads = inspection.attention.shape[:2]
    return {
        "model": model_name,
        "layers": n_layers,
        "heads": n_heads,
        "tokens": tokens,
        "answer": inspection.answer,
        "vocabulary": vocabulary,
        "before": [decode(tokenizer, tokens[:position]) for position in range(len(tokens) + 1)],
        "attention": encode_bytes(attention_bytes(inspection.attention)),
        "patterns": {name: rounded(each) for name, each in inspection.head_types.items()},
        "lens": top_data(lens.top) | {"answer": rounded(lens.answer_probabilities)},
        "alternatives": top_data(inspection.alternatives),
        "given": rounded(inspection.token_probabilities),
        "ablation": top_data(ablations.top)
        | {
            "intact": rounded(ablations.intact),
            "ablated": rounded(ablations.ablated),
            "change": rounded(ablations.changes),
        },
        "continued": {
            "positions": N_CONTINUED_POSITIONS,
            "alternatives": N_CONTINUED_ALTERNATIVES,
            "tokens": N_CONTINUATION_TOKENS,
        },
        "continuations": [
            {
                "position": each.position,
                "token": each.alternative,
                "text": text_after(tokenizer, [each.alternative], each.tokens),
            }
            for each in inspection.continuations
        ],
        "trace": trace_data(inspection.trace, {token: vocabulary[token] for token in likeliest}),
    }


def embedded_json(data: dict[str, Any]) -> str:
    r"""Return the data as JSON that cannot end its <script> element: `<` becomes `\u003c`."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def content_hash(text: str) -> str:
    """Return the hash by which a content security policy allows an inline style or script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def attention_bytes(attention: Float[Tensor, "L H T T"]) -> UInt8[Tensor, " N"]:
    """Return the weights of all layers and heads as numbers from 0 to 255, lower triangles only."""
    n_tokens = attention.shape[-1]
    queries, keys = torch.tril_indices(n_tokens, n_tokens)
    return (attention[..., queries, keys] * 255).round().to(torch.uint8).flatten().cpu()


def encode_bytes(numbers: UInt8[Tensor, " N"]) -> str:
    """Return bytes as base64 text, 4 characters for 3 bytes."""
    return base64.b64encode(numbers.numpy().tobytes()).decode()


def top_data(top: TopTokens) -> dict[str, Any]:
    """Return token ids and probabilities as nested lists."""
    return {"tokens": top.tokens.tolist(), "probabilities": rounded(top.probabilities)}


def rounded(numbers: Float[Tensor, "*B"]) -> list[Any]:
    """Return numbers as nested lists, to four decimals."""
    return np.round(numbers.double().cpu().numpy(), DECIMALS).tolist()


def token_text(tokenizer: Tokenizer, token: int) -> str:
    """Return the text of a token; one that is only part of a character becomes its bytes."""
    spelled = tokenizer.decode_bytes([token])
    try:
        return spelled.decode("utf-8")
    except UnicodeDecodeError:
        return " ".join(f"<{byte:02x}>" for byte in spelled)


def text_after(tokenizer: Tokenizer, before: list[int], tokens: list[int]) -> str:
    """Return the text that the tokens add, with a character that begins before them complete."""
    whole = tokenizer.decode_bytes([*before, *tokens])
    return whole[len(tokenizer.decode_bytes(before)) :].decode("utf-8", errors="replace")
