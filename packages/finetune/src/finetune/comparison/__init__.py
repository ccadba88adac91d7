"""Rows of `finetune compare`: our training, losses and adapters against trl, peft and torchrl.

Read `interleaved` (two trainers step by step), `trainers` (SFT, reward models, DPO), `memory_rows`,
`preference_rows`, `lora_rows`, `ppo_rows`, `ppo_recorded`, `ppo_whole`.
"""
