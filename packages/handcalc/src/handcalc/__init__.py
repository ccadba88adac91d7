"""A whole training step of a transformer by hand: no library, every number a float in a list.

Read `matrices`, then the parts in the order of the forward pass (`embedding`, `attention`,
`activations`, `layer_norm`, `loss`), each with its gradient beside it; then `calculation`, `parts`
and `blocks`, which put them together, and `step`. `optimizers` moves the weights; `autograd` and
`differences` find the same gradients in two other ways.
"""
