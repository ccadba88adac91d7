"""The commands of the program `diffusion`; each module has a function `run`."""
