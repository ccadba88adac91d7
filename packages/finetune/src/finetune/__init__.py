"""From a text predictor to an assistant.

Read `data`, `models`, `adapters`, `preference`, `reinforcement`, `optimum`, `evaluation`, and then
`training` and `commands`, which put them to work.
"""
