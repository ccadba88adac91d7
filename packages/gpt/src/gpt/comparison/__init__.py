"""Comparing our code with the production libraries, for `gpt compare`.

Read `rows` (one line of a comparison) and `report` (computing and printing them) first, then the
rows themselves: `equality`, `pretrained`, `speed`, `memory`, `smaller`. `interleaved` and
`baselines` serve the trainers of later sections. `gpt.baselines` imports the libraries, and is
itself imported only when a row is computed.
"""
