"""Reports of trained models: measures of their samples, next to those of real data.

Each module combines the measures of `metrics` for one task; `score_tables` prints them.
"""
