import pytest

pytest.importorskip("transformers", reason="baselines: needs the extra baselines")

import torch
import torch.nn.functional as F
from transformers import ArceeConfig, GPT2Config, LlamaConfig

from gpt.baselines import library_model, named_gradients, to_library_model, to_our_model
from gpt.model.gpt import GPT, GPTConfig
from gpt.pretrained.weights import weights_from_transformers, weights_to_transformers

pytestmark = pytest.mark.baselines

MARKS = {"bos_token_id": 0, "eos_token_id": 0}
DRY = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
GPT2 = {"vocab_size": 60, "n_positions": 24, "n_embd": 32, "n_layer": 2, "n_head": 4} | DRY | MARKS
LLAMA = {
    "vocab_size": 60, "max_position_embeddings": 24, "hidden_size": 32, "intermediate_size": 48,
    "num_hidden_layers": 2, "num_attention_heads": 4,
} | MARKS  # fmt: skip
CONFIGS = [
    GPT2Config(**GPT2),
    GPT2Config(**GPT2, n_inner=40, activation_function="relu", tie_word_embeddings=False),
    GPT2Config(**GPT2, activation_function="gelu", layer_norm_epsilon=1e-3),
    LlamaConfig(**LLAMA),
    LlamaConfig(**LLAMA, num_key_value_heads=2, tie_word_embeddings=True, rms_norm_eps=1e-2),
    LlamaConfig(**LLAMA, num_key_value_heads=1, attention_bias=True, mlp_bias=True),
    LlamaConfig(
        **LLAMA, head_dim=6, hidden_act="gelu",
        rope_parameters={"rope_type": "default", "rope_theta": 500.0},
    ),
    LlamaConfig(**LLAMA, hidden_act="gelu_pytorch_tanh"),
    ArceeConfig(**LLAMA, num_key_value_heads=2, tie_word_embeddings=True),
]  # fmt: skip


def name(config):
    return config.model_type


@pytest.mark.parametrize("config", CONFIGS, ids=name)
def test_logits_and_gradients_of_a_library_model_are_ours(config):
    library = library_model(config)
    ours, tokens = to_our_model(library), torch.randint(0, 60, (3, 20))
    upstream = torch.randn(3, 20, 60)
    theirs = library(tokens).logits
    torch.testing.assert_close(ours(tokens), theirs, atol=1e-5, rtol=1e-5)
    (ours(tokens) * upstream).sum().backward()
    (theirs * upstream).sum().backward()
    expected = weights_from_transformers(named_gradients(library), ours.config)
    mine = named_gradients(ours)
    assert mine.keys() == expected.keys()
    for each in mine:
        torch.testing.assert_close(mine[each], expected[each], atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize("config", CONFIGS, ids=name)
def test_there_and_back_every_tensor_is_the_same(config):
    library = library_model(config)
    ours, expected = to_our_model(library), library.state_dict()
    back = weights_to_transformers(ours.state_dict(), ours.config)
    if ours.config.tied_head:
        expected = {key: each for key, each in expected.items() if key != "lm_head.weight"}
    assert back.keys() == expected.keys()
    assert all(torch.equal(back[each], expected[each]) for each in back)


@pytest.mark.parametrize(
    "changes",
    [
        {"positions": "learned"},
        {"positions": "learned", "attention_bias": True, "feed_forward": "relu2"},
        {"positions": "learned", "tied_head": False, "norm_eps": 1e-3, "ff_bias": False},
        {"norm_kind": "rms", "feed_forward": "swiglu", "ff_bias": False, "n_kv_heads": 2},
        {"norm_kind": "rms", "feed_forward": "reglu", "attention_bias": True, "head_width": 10},
        {"norm_kind": "rms", "feed_forward": "relu2", "ff_bias": False, "tied_head": False},
        {"norm_kind": "rms", "feed_forward": "silu", "rotary_base": 100.0},
    ],
    ids=str,
)
def test_the_library_computes_what_our_model_computes(changes):
    shape = {"vocab_size": 60, "context": 24, "n_layers": 2, "d_model": 32, "d_ff": 48}
    ours = GPT(GPTConfig(**shape, **changes)).eval()
    for parameter in ours.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    tokens = torch.randint(0, 60, (3, 20))
    theirs = to_library_model(ours)(tokens).logits
    torch.testing.assert_close(ours(tokens), theirs, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("config", [CONFIGS[0], CONFIGS[4]], ids=name)
def test_five_training_steps_give_the_same_losses_and_weights(config):
    library = library_model(config).train()
    ours = to_our_model(library).train()
    optimizers = [torch.optim.AdamW(m.parameters(), lr=1e-2) for m in (ours, library)]
    for _ in range(5):
        tokens = torch.randint(0, 60, (4, 17))
        theirs = library(tokens, labels=tokens).loss
        mine = F.cross_entropy(ours(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=0)
        for loss, optimizer in zip((mine, theirs), optimizers, strict=True):
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
