"""The model on one page is the model in parts: the same logits, loss, gradients and start."""

import ast
import inspect
import sys

import torch

from gpt import gpt2
from gpt.gpt2 import GPT2, GPT2Config
from gpt.model.config import GPTConfig
from gpt.model.gpt import GPT
from gpt.model.presets import find_preset

SMALL = {"vocab_size": 50, "context": 16, "n_layers": 3, "n_heads": 4, "d_model": 32}


def shape(config: GPT2Config) -> GPTConfig:
    """Return the same shape in the words of `GPT`."""
    return GPTConfig(
        **vars(config), d_ff=4 * config.d_model, positions="learned", attention_bias=True
    )


def name_in_gpt(name: str) -> str:
    """Return the name that `GPT` gives to a weight of the page."""
    name = name.replace("token_embedding", "embedding").replace("position_embedding", "positions")
    return name.replace("norm.weight", "norm.gain")


def same_weights(config: GPT2Config) -> tuple[GPT2, GPT]:
    page, parts = GPT2(config).double(), GPT(shape(config)).double()
    for parameter in page.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    parts.load_state_dict({name_in_gpt(name): w for name, w in page.state_dict().items()})
    return page, parts


def test_logits_loss_and_gradients_are_those_of_the_model_in_parts():
    page, parts = same_weights(GPT2Config(**SMALL, dropout=0.0))
    tokens, targets = torch.randint(0, 50, (2, 3, 16))
    torch.testing.assert_close(page(tokens), parts(tokens), rtol=1e-12, atol=1e-12)
    loss, summed = page.loss(tokens, targets), parts.loss(tokens, targets)
    torch.testing.assert_close(loss, summed / targets.numel(), rtol=1e-12, atol=1e-12)
    loss.backward()
    (summed / targets.numel()).backward()
    for name, parameter in page.named_parameters():
        expected = parts.get_parameter(name_in_gpt(name)).grad
        torch.testing.assert_close(parameter.grad, expected, rtol=1e-10, atol=1e-12)


def test_every_weight_has_a_partner_and_both_start_with_the_same_deviations():
    torch.manual_seed(0)
    page, parts = GPT2(GPT2Config(**SMALL)), GPT(shape(GPT2Config(**SMALL)))
    assert {name_in_gpt(name) for name in page.state_dict()} == set(parts.state_dict())
    for name, parameter in page.named_parameters():
        start = parts.get_parameter(name_in_gpt(name))
        assert parameter.shape == start.shape
        if parameter.ndim == 1:
            assert torch.equal(parameter, start)
        else:  # three standard errors of the ratio of two deviations, of at least 512 numbers
            assert 0.87 < parameter.std() / start.std() < 1.15


def test_the_default_is_the_preset_gpt2():
    assert shape(GPT2Config()) == find_preset("gpt2")
    with torch.device("meta"):
        assert sum(each.numel() for each in GPT2(GPT2Config()).parameters()) == 124_439_808


def test_the_page_imports_nothing_but_torch():
    tree = ast.parse(inspect.getsource(gpt2))
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else alias.name).split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert imported - set(sys.stdlib_module_names) == {"torch"}
