"""A whole training step of a transformer by hand: no library, every number a float in a list.

`operations` holds each operation with its gradient beside it, in the order of the forward pass;
`model` puts them together into a step; `training` moves the weights, once or a thousand times.
`gradients` finds the same gradients in two other ways, and `explaining` says where any number comes
from. `toys` answer single questions, `arrays` do it all on NumPy's arrays, and `exercises` are
yours. `comparison` and `commands` are what can be typed.
"""
