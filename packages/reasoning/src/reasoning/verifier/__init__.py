"""Verifiers: models that judge attempts, learned from what the start model's own attempts lead to.

Read `attempts` (steps, and whether an attempt wins), `labels` (how often rollouts win after each
step), `first_error` (fewer rollouts by binary search), `model` (a GPT that returns a chance),
`data` (labelled rows and their loss), `scoring` (values of states, scores of steps), `aggregation`
(one score from many), `best_of_n` (choose among samples), `metrics`, `localisation` and `report`
(held against exact values), `run` (what `reasoning prm` does in a run folder), `shipped` (the
verifier that comes with the package).
"""
