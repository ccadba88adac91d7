"""Distillation: a small student learns from the traces or the probabilities of a larger teacher.

Read `loss` (a student's probabilities are pulled towards the teacher's), `traces` (sampled traces,
and the filter that keeps the right ones), `run` (what `reasoning distill` does in a run folder) and
`report` (the student before and after).
"""
