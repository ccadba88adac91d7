import pytest
import safetensors.torch
import torch

from diffusion.weight_files import read_weights, write_weights
from gpt.errors import BadInput


def test_a_file_keeps_weights_and_description_to_the_bit(tmp_path):
    weights = {"a": torch.randn(3, 4).T, "b": torch.randn(2, dtype=torch.bfloat16)}
    write_weights(tmp_path / "m", "vae", {"steps": 3, "names": ["x"]}, weights)
    about, loaded = read_weights(tmp_path / "m", "vae")
    assert about == {"steps": 3, "names": ["x"]}
    assert loaded.keys() == weights.keys()
    for name, weight in weights.items():
        assert torch.equal(loaded[name], weight)
        assert loaded[name].dtype == weight.dtype


@pytest.mark.parametrize(
    ("kind", "command"),
    [("vae", "train --stage vae"), ("clip", "train --stage clip")],
)
def test_a_missing_file_names_the_command_that_makes_it(tmp_path, kind, command):
    with pytest.raises(BadInput, match=f"there is no weight file .*: diffusion {command}$"):
        read_weights(tmp_path / "none", kind)


def test_a_file_of_another_kind_is_refused(tmp_path):
    write_weights(tmp_path / "m", "clip", {}, {"a": torch.zeros(1)})
    with pytest.raises(BadInput, match="a model of kind 'clip', expected 'vae'"):
        read_weights(tmp_path / "m", "vae")


def test_damaged_and_foreign_files_are_refused(tmp_path):
    path = tmp_path / "m"
    write_weights(path, "vae", {}, {"a": torch.zeros(100)})
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(BadInput, match="damaged"):
        read_weights(path, "vae")
    safetensors.torch.save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(BadInput, match="not a file of this package"):
        read_weights(path, "vae")
