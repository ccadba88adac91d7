import pytest
import torch

from gpt.errors import BadInput
from gpt.runs.checkpoints import (
    Checkpoint,
    DamagedCheckpoint,
    best_checkpoint,
    checkpoint_files,
    newest_checkpoint,
    read_checkpoint,
    save_checkpoint,
    write_checkpoint,
)


def checkpoint(step=1, best_step=1):
    tensors = {
        "weights": torch.arange(6.0).view(2, 3) + step,
        "half": torch.ones(3, dtype=torch.bfloat16),
        "count": torch.tensor(step),
    }
    return Checkpoint(tensors, {"step": step, "best_step": best_step})


def test_a_checkpoint_comes_back_to_the_bit(tmp_path):
    write_checkpoint(tmp_path / "c", checkpoint())
    tensors, values = read_checkpoint(tmp_path / "c")
    assert values == {"step": 1, "best_step": 1}
    for name, tensor in checkpoint().tensors.items():
        assert torch.equal(tensors[name], tensor)
        assert tensors[name].dtype == tensor.dtype


@pytest.mark.parametrize("tenth", range(10))
def test_a_file_truncated_at_any_tenth_is_detected(tenth, tmp_path):
    write_checkpoint(tmp_path / "c", checkpoint())
    whole = (tmp_path / "c").read_bytes()
    (tmp_path / "c").write_bytes(whole[: len(whole) * tenth // 10])
    with pytest.raises(DamagedCheckpoint):
        read_checkpoint(tmp_path / "c")


def test_a_single_flipped_bit_is_detected(tmp_path):
    write_checkpoint(tmp_path / "c", checkpoint())
    whole = bytearray((tmp_path / "c").read_bytes())
    for position in (len(whole) - 1, len(whole) - 30, whole.index(b"best_step")):
        flipped = whole.copy()
        flipped[position] ^= 1
        (tmp_path / "c").write_bytes(flipped)
        with pytest.raises(DamagedCheckpoint):
            read_checkpoint(tmp_path / "c")


@pytest.mark.parametrize(("was", "edited"), [(b"[2,3]", b"[3,2]"), (b'"F32"', b'"I32"')])
def test_an_edited_shape_or_dtype_is_detected(was, edited, tmp_path):
    write_checkpoint(tmp_path / "c", checkpoint())
    whole = (tmp_path / "c").read_bytes()
    assert was in whole
    (tmp_path / "c").write_bytes(whole.replace(was, edited))
    with pytest.raises(DamagedCheckpoint):
        read_checkpoint(tmp_path / "c")


def test_the_newest_two_and_the_best_are_kept(tmp_path):
    for step, best in ((1, 1), (2, 2), (3, 2), (4, 2), (5, 2)):
        save_checkpoint(tmp_path, step, checkpoint(step, best))
    assert [int(path.stem[5:]) for path in checkpoint_files(tmp_path)] == [2, 4, 5]
    assert best_checkpoint(tmp_path).values["step"] == 2


def test_a_damaged_checkpoint_is_skipped_with_a_message(tmp_path):
    for step in (1, 2, 3):
        save_checkpoint(tmp_path, step, checkpoint(step, best_step=step))
    checkpoint_files(tmp_path)[-1].write_bytes(b"junk")
    found, messages = newest_checkpoint(tmp_path)
    assert found.values["step"] == 2
    assert len(messages) == 1
    assert "step-00000003.safetensors' is damaged" in messages[0]
    assert best_checkpoint(tmp_path).values["step"] == 2


def test_an_error_says_that_every_checkpoint_is_damaged(tmp_path):
    save_checkpoint(tmp_path, 1, checkpoint())
    checkpoint_files(tmp_path)[0].write_bytes(b"")
    with pytest.raises(BadInput, match="every checkpoint in .* is damaged"):
        newest_checkpoint(tmp_path)


def test_an_empty_folder_has_no_checkpoint(tmp_path):
    assert newest_checkpoint(tmp_path) is None
    with pytest.raises(BadInput, match="there is no checkpoint in"):
        best_checkpoint(tmp_path)


def test_the_partial_file_of_a_killed_write_is_removed_by_the_next(tmp_path):
    tmp_path.joinpath("step-00000001.safetensors.partial").write_bytes(b"half")
    save_checkpoint(tmp_path, 2, checkpoint(2))
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000002.safetensors"]
