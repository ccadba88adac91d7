"""Learning: `schedule`, `optimizer`, `accumulation`, `checkpoints`, and the `loop` over them."""
