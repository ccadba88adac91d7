import errno
import os

import pytest

from gpt.files import write_atomically


def test_the_file_is_replaced_and_no_other_is_left(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize("fault", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_the_old_file_alone(fault, tmp_path, monkeypatch):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def fail(number):
        raise fault

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(type(fault)) as caught:
        write_atomically(path, b"new")
    assert getattr(caught.value, "filename", str(path)) == str(path)  # which a write does not know
    assert path.read_bytes() == b"old"
    assert [*tmp_path.iterdir()] == [path]
