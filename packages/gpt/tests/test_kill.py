"""SIGKILL at random moments, through the script that readers can run for longer."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts" / "kill_and_resume.py"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="posix: SIGKILL and fork")
@pytest.mark.parametrize(("kills", "steps"), [(3, 24), (20, 150)])
def test_killed_and_resumed_training_ends_in_the_same_bits(kills, steps):
    command = [sys.executable, SCRIPT, "--kills", str(kills), "--steps", str(steps)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"{kills} kills" in done.stdout
    assert "identical to the bit" in done.stdout
