"""The gradients of the formulas, computed in two other ways and compared.

In order of reading: `differences` (finite differences), `autograd` (an engine in a hundred lines),
`check` (all of them side by side).
"""
