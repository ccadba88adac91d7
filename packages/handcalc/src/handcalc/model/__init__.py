"""The whole model: layers joined into a block, a loss, and the gradient of every weight.

In order of reading: `transformer` (four blocks, forward and backward pass), `weights` (how they
start), `weights_file` (how they are saved).
"""
