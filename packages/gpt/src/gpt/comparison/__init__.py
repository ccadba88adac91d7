"""Comparing our code with the production libraries, for `gpt compare`.

Read `rows` (one line of a comparison) and `report` (computing and printing them) first, then the
rows themselves: `equality`, `pretrained`, `speed`, `memory`, `smaller`, and `architectures`, for
which `renaming` converts weights. `inside_numbers` is compared with TransformerLens by a script.
`interleaved` and `baselines` serve the trainers of later sections. `gpt.baselines` imports the
libraries, and is itself imported only when a row is computed.
"""
