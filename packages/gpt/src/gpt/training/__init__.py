"""The training loop and its optimizers.

Read `config`, `adamw`, `muon`, `optimizer`, `accumulation`, `loop`, `recipes`, and
`loss_scaling` for what the loop does in fp16. `field_descriptions` lists the hyperparameters,
`noam` is another schedule, and `gradient_flow` and `diagnosis` tell why a run learns badly.
`gpt train` runs AdamW from torch's fused kernel; `adamw` holds its equation, for the chapters.
Run folders, checkpoints and several processes are in `gpt.runs`.
"""
