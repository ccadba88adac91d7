"""From a text predictor to an assistant: read `data`, `models`, `adapters`, `preference`,
`reinforcement`, `evaluation`.
"""
