"""Weights and caches of 8 or 4 bits per number instead of 32.

Read `rounding` (the equation), `linear` (a layer and a model that hold such weights) and `cache`
(keys and values of 8 bits). `fast_linear` computes the same products by torch's kernels, and
`report` measures what a quantised model gains and loses.
"""
