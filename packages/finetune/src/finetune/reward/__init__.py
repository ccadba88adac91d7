"""Reward models: scores of answers, learned from pairs of which people prefer one.

Read `loss` (Bradley-Terry), `scorer`, `training` (the step), `run` (what `finetune reward` does in
a run folder), and for speed `packed`.
"""
