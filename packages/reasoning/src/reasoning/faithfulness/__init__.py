"""Faithfulness: whether the answer of a model follows from the steps that it generates.

Read `tampering` (change one number of a trace or of its prompt, and let the model continue).
"""
