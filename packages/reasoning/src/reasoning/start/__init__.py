"""The start model: a small GPT that tries, sees that it missed, and tries again.

Read `traces` (a problem, its attempts and its answer as words, and which of them are learned),
`data` (the mix of a training step), `gate` (a start leaves something to learn), `run` (what
`reasoning train` does in a run folder), `shipped` (the model that comes with the package).
"""
