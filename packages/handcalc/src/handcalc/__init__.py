"""A whole training step of a transformer by hand: no library, every number a float in a list.

In order of reading: `calculation` (arithmetic on lists, and a record of every line), `layers` (one
file per layer, with its gradient), `model` (blocks, forward and backward pass, weights), `training`
(optimizers, and thousands of steps on words), `gradients` (the same gradients in two other ways),
`explaining` (the formula behind any number). `arrays` has the same layers on NumPy arrays,
`comparison` and `baselines` compare with PyTorch, `commands` and `cli` are the command line. Only
the chapters use `toys`; `exercises` are for you.
"""
