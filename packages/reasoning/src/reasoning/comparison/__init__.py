"""Rows of `reasoning compare`: our losses, training steps and samples against trl and transformers.

Read `grpo_rows` (losses of the GRPO family), `grpo_steps` (whole steps), `distillation_rows`,
`prm_rows` and `prm_recorded` (steps of trl's process reward model) and `sampling_rows` first.
`reasoning.baselines` imports the libraries, and is itself imported only when a row is computed.
"""
