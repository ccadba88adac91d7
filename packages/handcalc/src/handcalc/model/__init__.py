"""The operations put together: a step of training as a list of named lines.

`calculation`, `parts`, `blocks`, `step`, `weights`.
"""
