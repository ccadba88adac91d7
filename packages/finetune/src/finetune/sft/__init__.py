"""Supervised fine-tuning: from a model that continues text to one that answers and stops.

Read `gpt.policy` (log-probabilities of an answer, and the loss), `training` (the step), then `run`
(what `finetune sft` does in a run folder).
"""
