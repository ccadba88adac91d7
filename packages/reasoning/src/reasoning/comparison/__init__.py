"""Rows of `reasoning compare`: our numbers and times next to those of trl and other libraries.

Read `grpo_rows` (losses of the GRPO family) first, then `grpo_steps` (whole steps), `grpo_speed`,
`distillation_rows`, `prm_recorded` and `prm_rows` (steps of trl's process reward model),
`sampling_rows` and `answer_rows`. `reasoning.baselines` imports trl, and is itself imported only
when a row is computed.
"""
