"""Reports of trained models: how good their samples are, next to what real data score.

Each module combines the measures of `metrics` for one task.
"""
