"""Peak memory of a training step of a DiT, in a process of its own for each side.

    python -m diffusion.comparison.memory latent ours
    python -m diffusion.comparison.memory latent library

prints the peak memory of the process in bytes, beyond the memory in use after its imports.
"""

import sys

from diffusion.comparison.compared_models import COMPARED_SHAPES, random_batch, random_dit
from diffusion.comparison.dit_rows import library_step, our_step
from gpt.comparison.memory import memory_row, peak_memory_bytes
from gpt.comparison.rows import ComparisonRow


def memory_rows() -> list[ComparisonRow]:
    """Compare the peak memory of a training step of each shape; less counts as equal."""
    from diffusion import baselines

    return [
        memory_row(
            f"peak memory of a training step, {shape}",
            baselines.library_version("diffusers"),
            "diffusion.comparison.memory",
            name,
        )
        for name, shape in COMPARED_SHAPES.items()
    ]


def print_training_peak(name: str, side: str) -> None:
    """Print the peak memory of three steps of one side; both sides import the same modules."""
    from diffusion import baselines

    shape = COMPARED_SHAPES[name]
    before = peak_memory_bytes()
    ours, batch = random_dit(shape.config), random_batch(shape)
    if side == "ours":
        step = our_step(ours, batch)
    else:
        library = baselines.to_library_dit(ours)
        del ours
        step = library_step(library, batch)
    for _ in range(3):
        step()
    print(peak_memory_bytes() - before)


if __name__ == "__main__":
    print_training_peak(*sys.argv[1:])
