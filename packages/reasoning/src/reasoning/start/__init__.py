"""The start model: a small GPT that tries, sees that it missed, and tries again.

Read `traces` (a problem, its attempts and its answer as words, and which of them are learned),
`data` (the mix of a training step).
"""
