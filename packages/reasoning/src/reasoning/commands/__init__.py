"""The commands of `reasoning`, one module each, with a function `run`."""
