"""Verifiers: models that judge attempts, trained on the outcomes of the start model's own attempts.

Read `attempts` (steps, and whether an attempt wins), `labels` (how often rollouts win after each
step), `first_error` (fewer rollouts by binary search), `model` (a GPT that returns a chance),
`data` (labelled rows and their loss), `scoring` (values of states, scores of steps), `aggregation`
(one score from many), `best_of_n` (choose among samples), `metrics`, `localisation` and `report`
(compare with exact values), `run` (what `reasoning prm` does in a run folder), `shipped` (the
verifier that comes with the package).
"""
