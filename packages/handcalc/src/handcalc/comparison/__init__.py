"""Ours beside PyTorch and beside our own autograd engine: `rows`, `equality`, `speed`."""
