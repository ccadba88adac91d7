"""Each operation of the forward pass, with its gradient beside it.

`matrices`, `scalars`, `vocabulary`, `embedding`, `attention`, `activations`, `layer_norm`, `loss`.
"""
