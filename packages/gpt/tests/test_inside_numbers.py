"""Lens, attribution, head scores and patching against recorded numbers of TransformerLens 4.3.0.

`scripts/equal_transformer_lens.py` recorded them, from models of the same formula.
"""

import ast
import json
from pathlib import Path

import pytest
import torch

from gpt.comparison.inside_numbers import COMPARED_MODELS, formula_model, inside_numbers

ROOT = Path(__file__).parents[1]
RECORDED = json.loads((ROOT / "chapters/recorded/transformer_lens.json").read_text("utf-8"))


@pytest.mark.parametrize("name", COMPARED_MODELS)
def test_our_numbers_are_those_of_transformer_lens(name):
    ours, theirs = inside_numbers(formula_model(COMPARED_MODELS[name])), RECORDED["models"][name]
    assert ours.keys() == theirs.keys()
    for key, value in ours.items():
        expected = torch.tensor(theirs[key], dtype=value.dtype)
        torch.testing.assert_close(value, expected, rtol=0, atol=1e-5, msg=key)
        if key != "attribution: positions" and key != "attribution: biases":
            assert value.std() > 1e-3, key  # not all equal, so the comparison means something


def test_the_script_pins_the_versions_that_were_recorded():
    source = (ROOT / "scripts/equal_transformer_lens.py").read_text("utf-8")
    assert ast.get_docstring(ast.parse(source)).splitlines()[0].endswith("TransformerLens 4.3.0.")
    for package in ("transformer-lens", "transformers"):
        assert f'"{package}=={RECORDED[package]}"' in source
    assert RECORDED["largest difference"] < 1e-5
