"""Faster equivalents of parts of the model, each held equal to the plain version by a test.

`head_loss`, `packing`, `bare`.
"""
