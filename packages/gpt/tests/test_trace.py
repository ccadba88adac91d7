"""The trace of one text: eleven stages that follow from each other, in models of every kind."""

import pytest
import torch
from einops import einsum, rearrange, repeat

from gpt.errors import BadInput
from gpt.inside.trace import trace_text
from gpt.model.attention import attention_weights, causal_mask
from gpt.model.config import GPTConfig
from gpt.model.gpt import GPT
from gpt.text.tokenizers import CharacterTokenizer

TEXT = "the cat sat"
TOKENIZER = CharacterTokenizer.train([TEXT])
SMALL = {"context": 16, "n_layers": 3, "n_heads": 4, "d_model": 16, "d_ff": 32}
TITLES = [
    "Text",
    "Tokens",
    "Embeddings",
    "Positions",
    "Queries, keys and values",
    "Attention weights",
    "Attention output",
    "Feed-forward output",
    "After each block",
    "Logits",
    "Next-token probabilities",
]
KINDS = [
    {"positions": "learned"},
    {"positions": "learned", "norm": "post", "attention_bias": True},
    {"positions": "sinusoidal", "embedding_scale": True},
    {"positions": "rotary", "norm_kind": "rms", "feed_forward": "swiglu", "n_kv_heads": 2},
    {"positions": "alibi", "n_kv_heads": 1},
    {"positions": "t5"},
    {"positions": "none", "tied_head": False, "head_bias": True},
]


def make_model(**kind):
    model = GPT(GPTConfig(TOKENIZER.vocab_size, **SMALL, **kind)).double().eval()
    for parameter in model.parameters():  # biases and gains too
        parameter.data = torch.randn_like(parameter) * 0.3
    return model


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_every_stage_follows_from_the_one_before(kind):
    model = make_model(**kind)
    trace = trace_text(model, TOKENIZER, TEXT, layer=1)
    assert [stage.title for stage in trace.stages] == TITLES
    text, tokens, embeddings, positions, qkv, weights, attention, mlp, blocks, logits, last = (
        stage.values for stage in trace.stages
    )
    assert bytes(text["bytes"].tolist()).decode() == TEXT == "".join(trace.pieces)
    assert tokens["ids"].tolist() == TOKENIZER.encode(TEXT)

    close = torch.testing.assert_close
    scale = 4.0 if model.config.embedding_scale else 1.0
    close(embeddings["embeddings"], model.embedding.weight[tokens["ids"]] * scale)
    first = model.blocks[0]
    x = embeddings["embeddings"] + positions.get("added", 0.0)
    rotate = None if model.rotation is None else model.rotation(slice(0, len(x)), x)
    causal = causal_mask(len(x), len(x))
    bias = positions["bias"][None] if "bias" in positions else 0.0
    scores = torch.zeros(1, 1, len(x), len(x)).double() + bias
    mask = scores.masked_fill(~causal, -torch.inf)
    close(blocks["residuals"][:, 0], first(x[None], rotate, mask)[0])

    q, k, v = qkv["queries"], qkv["keys"], qkv["values"]
    k, v = (repeat(each, "J T K -> (J group) T K", group=4 // len(k)) for each in (k, v))
    close(weights["weights"], attention_weights(q[None], k[None], causal[None, None], bias)[0])
    mixed = rearrange(einsum(weights["weights"], v, "H T S, H S K -> H T K"), "H T K -> T (H K)")
    close(attention["attention"], model.blocks[1].attention.output(mixed))

    block, x = model.blocks[1], blocks["residuals"][:, 0]
    summed = x + attention["attention"]
    if model.config.norm == "pre":
        close(attention["residual"], summed)
        close(mlp["mlp"], block.mlp(block.mlp_norm(summed)[None])[0])
        close(mlp["residual"], summed + mlp["mlp"])
    else:
        close(attention["residual"], block.attention_norm(summed))
        close(mlp["residual"], block.mlp_norm(attention["residual"] + mlp["mlp"]))
    close(mlp["residual"], blocks["residuals"][:, 1])
    close(logits["logits"], model.logits(model.final_norm(blocks["residuals"][:, -1])))
    close(logits["logits"], model(tokens["ids"][None])[0])
    close(last["probabilities"], logits["logits"][-1].softmax(dim=-1))


def test_the_angles_are_those_that_turn_the_queries():
    model = make_model(positions="rotary")
    values = [stage.values for stage in trace_text(model, TOKENIZER, TEXT).stages]
    x = model.blocks[0].attention_norm(values[2]["embeddings"])
    unrotated = model.blocks[0].attention.qkv(x)[:, :16]
    a, b = rearrange(unrotated, "T (H two half) -> two H T half", H=4, two=2)
    angles = values[3]["angles"]
    rotated = torch.cat(
        [a * angles.cos() - b * angles.sin(), a * angles.sin() + b * angles.cos()], dim=-1
    )
    torch.testing.assert_close(values[4]["queries"], rotated)


def test_a_printed_trace_has_a_number_and_a_sentence_for_every_stage():
    trace = trace_text(make_model(positions="learned"), TOKENIZER, TEXT)
    printed = str(trace)
    for number, (title, sentence, _) in enumerate(trace.stages, start=1):
        assert f"{number:2}. {title}: {sentence}" in printed
    assert "queries (4, 11, 4), keys (4, 11, 4), values (4, 11, 4)" in printed
    likeliest = int(trace.stages[-1].values["probabilities"].argmax())
    assert repr(TOKENIZER.decode_bytes([likeliest]).decode()) in trace.stages[-1].sentence


def test_tracing_leaves_no_hook_and_no_wrapper_in_the_model():
    model = make_model(positions="learned")
    kernels = [block.attention.attend for block in model.blocks]
    trace_text(model, TOKENIZER, TEXT)
    assert [block.attention.attend for block in model.blocks] == kernels
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


@pytest.mark.parametrize(
    ("text", "layer", "message"),
    [
        ("", 0, "an empty text has no tokens"),
        (TEXT, 3, "layer must lie between 0 and 2, got 3"),
        (TEXT, -1, "got -1"),
        (TEXT + TEXT, 0, "beyond the context of 16"),
        ("dog", 0, "'d' is not among"),
    ],
)
def test_what_cannot_be_traced_is_refused(text, layer, message):
    with pytest.raises(BadInput, match=message):
        trace_text(make_model(positions="learned"), TOKENIZER, text, layer)
