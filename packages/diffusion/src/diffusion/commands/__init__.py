"""The commands of `diffusion`: one module each, whose config holds the options."""
