"""Detect mistakes that raise no error, before and after a training run.

Read `pitfalls`, `row_faults`, `pair_faults`, `model_faults`, `run_faults`, `preflight`. Only
chapters use this folder.
"""
