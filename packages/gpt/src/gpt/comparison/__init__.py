"""Ours beside the production libraries: what a row is, and the rows of `gpt compare`.

Libraries are imported by `gpt.baselines`, when a row is computed and not before.
"""
