"""LoRA: train low-rank updates of frozen weights.

Read `layer`, `projections`, `inject`, `nf4` (a 4-bit base), then `peft_layout`, `peft_files`,
`joining` and `peft_base` for folders of the library peft. Only chapters use `prompt_tuning`.
"""
