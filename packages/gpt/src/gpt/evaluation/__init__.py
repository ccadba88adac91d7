"""Evaluating a model: `scores` of its predictions, `ngram` baselines, `originality` of its text.

`intervals` says how sure a share or a mean is; `finetune` and `reasoning` report with it.
`scaling_law` predicts the loss of larger models. `recall` compares kinds of attention, and
`live_bytes` measures their memory.
"""
