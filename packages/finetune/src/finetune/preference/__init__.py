"""Learning from pairs of answers without a reward model: DPO and its family.

Read `answers`, `dpo`, `reference_free` and `kto` for the equations; `pairs`, `training` and
`unpaired` bring them to the training loop.
"""
