"""Detect mistakes that raise no error, before and after a training run.

Read `pitfalls` (a finding), `row_faults`, `pair_faults`, `model_faults`, `run_faults` (the
detectors), `preflight` (all of them in one call). Only chapters of the book use this folder.
"""
