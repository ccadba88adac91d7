"""The program `diffusion` and its commands."""

from gpt.program import Program

DIFFUSION = Program(
    "diffusion",
    {
        "train": "train a flow model of points or images",
        "compare": "compare results and speed with diffusers and open_clip",
    },
)


def main(arguments: list[str] | None = None) -> int:
    """Run a command line and return its exit status."""
    return DIFFUSION.main(arguments)
