"""One file of weights, read by handcalc, by its twin in torch, and by gpt: the same step."""

import json
from dataclasses import asdict
from typing import Any

import pytest
import torch

from gpt.model.gpt import GPT, GPTConfig
from handcalc.baselines import torch_step
from handcalc.gradients.check import TARGETS, TOKENS, max_difference
from handcalc.model.transformer import forward
from handcalc.model.weights import Shape, initial_weights
from handcalc.model.weights_file import load_weights


def of_gpt(weights: dict[str, Any], shape: Shape) -> dict[str, torch.Tensor]:
    """The tensors of a file under the names of gpt, where W_Q, W_K and W_V are transposed."""
    w = {name: torch.tensor(tensor, dtype=torch.float64) for name, tensor in weights.items()}
    heads = [w[f"W_{letter}.{h}"].T for letter in "QKV" for h in range(shape.n_heads)]
    return {
        "embedding.weight": w["token"],
        "positions.weight": w["position"],
        "blocks.0.attention_norm.gain": w["gamma.0"],
        "blocks.0.attention_norm.bias": w["beta.0"],
        "blocks.0.attention.qkv.weight": torch.cat(heads),
        "blocks.0.attention.output.weight": w["W_O"],
        "blocks.0.mlp_norm.gain": w["gamma.1"],
        "blocks.0.mlp_norm.bias": w["beta.1"],
        "blocks.0.mlp.widen.weight": w["W_1"],
        "blocks.0.mlp.widen.bias": w["b_1"],
        "blocks.0.mlp.narrow.weight": w["W_2"],
        "blocks.0.mlp.narrow.bias": w["b_2"],
        "final_norm.gain": w["gamma.2"],
        "final_norm.bias": w["beta.2"],
        "head": w["head"],
    }


def test_three_readers_of_one_file_take_the_same_step(tmp_path):
    path = tmp_path / "weights.json"
    weights = initial_weights(Shape(), "pre-ln", seed=7)
    content = {"shape": asdict(Shape()), "block": "pre-ln", "weights": weights}
    path.write_text(json.dumps(content), encoding="utf-8")
    content = load_weights(path)
    shape, weights = Shape(**content["shape"]), content["weights"]

    by_hand = forward(weights, TOKENS, TARGETS, content["block"])
    by_hand.backward()
    gradients = {name: by_hand.values[f"{name}.grad"] for name in weights}

    loss, twins = torch_step(weights, TOKENS, TARGETS, content["block"])
    assert loss == pytest.approx(by_hand.values["loss"], abs=1e-12)
    assert max(max_difference(gradients[name], twins[name]) for name in weights) < 1e-10

    config = GPTConfig(
        vocab_size=shape.vocab_size, context=shape.n_positions, n_layers=1, n_heads=shape.n_heads,
        d_model=shape.d_model, d_ff=shape.d_ff, positions="learned", tied_head=False,
    )  # fmt: skip
    model = GPT(config).double()
    model.load_state_dict(of_gpt(weights, shape))
    n = len(TARGETS)
    loss = model(torch.tensor([TOKENS[:n]]), targets=torch.tensor([TARGETS])) / n
    loss.backward()
    assert loss.item() == pytest.approx(by_hand.values["loss"], abs=1e-12)
    for name, expected in of_gpt(gradients, shape).items():
        found = model.get_parameter(name).grad
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)
