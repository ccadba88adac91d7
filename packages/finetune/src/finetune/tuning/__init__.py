"""Choose a learning rate and a batch size.

Read `rate_range`, `batch_scaling`, `sweep`. Only chapters of the book use this folder.
"""
