"""Learning: `schedule`, `adamw`, `muon`, `optimizer`, `accumulation`, and the `loop` over them.

`state` and `checkpoints` are what makes a run survive its own end.
"""
