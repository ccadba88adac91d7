"""handcalc's forward pass, backward pass and updates run in MicroPython, for pages that calculate.

Its exp and tanh are another library's, and may differ in the last bit.
It needs node and `npm ci --prefix book`; without them it fails, with the sentence that says so.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

import handcalc
from handcalc.gradients.check import TARGETS, TOKENS, max_difference
from handcalc.model.transformer import BLOCKS
from handcalc.model.weights import Shape, initial_weights
from handcalc.training.optimizers import OPTIMIZERS

SCRIPT = """
import json
from handcalc.model.transformer import forward
from handcalc.layers.embedding import encode
from handcalc.training.optimizers import OPTIMIZERS, update

def told(weights, block, optimizer):
    memory, losses = {}, []
    for step in (1, 2, 3):
        c = forward(weights, encode("I like transformers"), [3, 4, 5, 2], block)
        c.backward()
        weights, memory = update(c, OPTIMIZERS[optimizer], memory, step)
        losses.append(c.values["loss"])
        gradients = {name: c.values[name + ".grad"] for name in weights}
    return {"losses": losses, "gradients": gradients, "weights": weights, "memory": memory}
"""


@pytest.mark.slow
@pytest.mark.parametrize(("block", "optimizer"), list(zip(BLOCKS, OPTIMIZERS, strict=True)))
def test_three_steps_in_micropython_are_the_same(block, optimizer):
    weights = initial_weights(Shape(), block)
    here: dict[str, Any] = {}
    exec(SCRIPT, here)
    expected = here["told"](weights, block, optimizer)
    assert TOKENS[1:] == TARGETS  # the sentence that the script encodes

    script = Path(__file__).with_name("micropython.mjs")
    call = f"print(json.dumps(told(json.loads({json.dumps(weights)!r}), {block!r}, {optimizer!r})))"
    run = subprocess.run(
        ["node", script, Path(handcalc.__file__).parent],
        input=SCRIPT + call, capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert found["losses"] == pytest.approx(expected["losses"], abs=1e-12)
    for part in ("gradients", "weights", "memory"):
        assert found[part].keys() == expected[part].keys()
        for name, tensor in found[part].items():
            assert max_difference(tensor, expected[part][name]) < 1e-12, name
