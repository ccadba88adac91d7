"""One file per layer: its lines in a calculation, its formulas, and their gradients.

In order of reading: `embedding`, `attention`, `feed_forward`, `layer_norm`, `loss`. Each layer is a
function that adds lines to a `Calculation` and returns the name of its result and `back`, which
adds the lines of the gradients. `arrays` holds the same layers on NumPy arrays.
"""
