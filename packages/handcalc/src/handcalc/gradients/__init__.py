"""The same gradients in other ways: `differences`, `autograd`, `check`."""
