"""Distillation: a small student learns from the traces or the probabilities of a larger teacher.

Read `loss` (divergences of a student's probabilities from the teacher's), `traces` (sampled traces,
and the filter that keeps the right ones), `models` (teacher and student by name), `run`
(what `reasoning distill` does in a run folder) and `report` (the student before and after).
"""
