"""A task so small that its best policy can be computed exactly.

Read `sums` (the task), `enumeration` (all answers with their probabilities), `frontier` (the best
policies), `experiment` (DPO and PPO compared with them). Only chapters of the book and scripts use
this folder, except that `finetune.evaluation.figures` draws the frontier.
"""
