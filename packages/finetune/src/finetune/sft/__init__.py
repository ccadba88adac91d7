"""Supervised fine-tuning: from a model that continues text to one that answers and stops.

Read `policy` (log-probabilities of a text), `loss`, `training` (the step), then `run` (what
`finetune sft` does in a run folder).
"""
