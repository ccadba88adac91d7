"""A whole training step of a transformer by hand: no library, every number a float in a list.

`operations` holds each operation with its gradient beside it, in the order of the forward pass;
`model` puts them together into a step; `training` moves the weights; `gradients` finds the same
gradients in two other ways. `commands` is what can be typed.
"""
