"""Learning from preference pairs without a reward model.

Read `losses` (DPO, IPO and their variants), `margins`, `pairs`, `training`. Only chapters and
`finetune compare` use `kto`, `unpaired` and `reference_free`.
"""
