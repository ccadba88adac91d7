"""Peak memory of a training step, each side in a process of its own.

    python -m gpt.comparison.memory ours
    python -m gpt.comparison.memory library

prints the bytes that the process needed at its highest, beyond what it held after its imports.
"""

import subprocess
import sys
from pathlib import Path

import torch

from gpt.comparison.rows import ComparisonRow
from gpt.comparison.speed import library_step, our_step
from gpt.model.gpt import GPT
from gpt.pretrained.shapes import config_from_transformers


def training_memory_row() -> ComparisonRow:
    """GPT-2 small shape, 2 x 512 tokens; equal means here: not above the library's."""
    from gpt import baselines

    name = "peak memory of a training step, GPT-2 small shape, 2 x 512"
    return memory_row(name, baselines.library_version("transformers"), "gpt.comparison.memory")


def memory_row(name: str, library: str, module: str, *arguments: str) -> ComparisonRow:
    """How far our peak lies above the library's, as a share of it; 0 where it does not.

    The module is started once for each side, whose name follows the other arguments, and prints
    bytes.
    """
    ours, theirs = (measure_in_process(module, *arguments, side) for side in ("ours", "library"))
    above = max(0.0, ours / theirs - 1)
    note = f"{ours / 1e9:.2f} GB against {theirs / 1e9:.2f} GB; the difference is the share above"
    return ComparisonRow(name, library, above, 0.0, note=note)


def measure_in_process(module: str, *arguments: str) -> float:
    """The last word that a module prints when it is run."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])


def print_training_peak(side: str) -> None:
    """Three steps of one side; both import the same modules first."""
    from gpt import baselines

    before = peak_memory_bytes()
    library = baselines.gpt2_to_train("small", meta=side == "ours")
    ours = GPT(config_from_transformers(library.config.to_dict())) if side == "ours" else None
    tokens = torch.randint(0, 50_257, (2, 513))
    step = our_step(ours, tokens, False) if ours else library_step(library, tokens, False)
    for _ in range(3):
        step()
    print(peak_memory_bytes() - before)


def peak_memory_bytes() -> int:
    """The highest resident memory of this process so far, in bytes.

    On Linux from its status: `getrusage` there begins with the peak of the process that started it.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        (line,) = [each for each in status.read_text().splitlines() if each.startswith("VmHWM")]
        return int(line.split()[1]) * 1024
    import resource  # not on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS


if __name__ == "__main__":
    print_training_peak(sys.argv[1])
