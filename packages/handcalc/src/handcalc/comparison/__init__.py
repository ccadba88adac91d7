"""Our code compared with PyTorch and with our own autograd engine.

In order of reading: `rows` (one line of the comparison), `equality` (rows without times), `speed`
(rows with times).
"""
