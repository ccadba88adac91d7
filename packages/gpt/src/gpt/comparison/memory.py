"""Peak memory of a training step, measured in a separate process for each side.

    python -m gpt.comparison.memory ours
    python -m gpt.comparison.memory library

prints the peak memory of the process in bytes, beyond the memory in use after its imports.
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
    """Compare peak memory at GPT-2 small shape, 2 x 512 tokens; using less counts as equal."""
    from gpt import baselines

    name = "peak memory of a training step, GPT-2 small shape, 2 x 512"
    return memory_row(name, baselines.library_version("transformers"), "gpt.comparison.memory")


def memory_row(
    name: str, library: str, module: str, *arguments: str, allowed: float = 1.0
) -> ComparisonRow:
    """Compare peak memory: the difference is how much our share of theirs exceeds the allowed one.

    Args:
        name: name of the row.
        library: name and version of the library.
        module: module to run once per side; the last word that it prints is a number of bytes.
        arguments: arguments of the module, before the side ("ours" or "library").
        allowed: largest share of the library's memory that counts as equal.
    """
    ours, theirs = (
        float(
            subprocess.run(
                [sys.executable, "-m", module, *arguments, side],
                check=True,
                capture_output=True,
                text=True,
            ).stdout.split()[-1]
        )
        for side in ("ours", "library")
    )
    above = max(0.0, ours / theirs - allowed)
    note = f"{ours / 1e9:.2f} GB, library {theirs / 1e9:.2f} GB; the difference is relative"
    return ComparisonRow(name, library, above, 0.0, note=note)


def print_training_peak(side: str) -> None:
    """Print the peak memory of three steps of one side; both sides import the same modules."""
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
    """Return the highest resident memory of this process so far, in bytes.

    Linux needs the status file: there, `getrusage` includes the peak of the parent process.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        (line,) = [each for each in status.read_text().splitlines() if each.startswith("VmHWM")]
        return int(line.split()[1]) * 1024
    import resource  # not on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS


if __name__ == "__main__":
    print_training_peak(sys.argv[1])
