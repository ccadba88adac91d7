"""LoRA: train low-rank updates of frozen weights.

Read in this order: `layer` (the equation), `projections` (separate adapters for q, k and v, which
our model computes in one layer), `inject` (adapters in a whole model), `merge`, `fast` (the same
layer, faster on a CPU) and `nf4` (a base in four bits). Folders in the layout of the library peft:
`peft_layout`, `peft_config`, `peft_files` and `peft_base`. Only a chapter of the book uses
`prompt_tuning`, the other way to train few numbers; only comparisons and tests use `baselines`.
"""
