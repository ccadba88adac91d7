"""The program `diffusion` and its commands."""

from gpt.program import Program

DIFFUSION = Program(
    "diffusion",
    {
        "train": "train a flow model of points or images, an autoencoder, or a CLIP",
        "sample": "draw images or points from a trained model, as a file and in the terminal",
        "eval": "measure the samples of a trained model, next to real data",
        "export": "write a trained model in the layout of diffusers or open_clip, or as one file",
        "compare": "compare results and speed with diffusers and open_clip",
        "demo": "train a model of digits and watch digits grow out of noise, in a minute or two",
    },
)


def main(arguments: list[str] | None = None) -> int:
    """Run a command line and return its exit status."""
    return DIFFUSION.main(arguments)
