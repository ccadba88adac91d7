"""Generating text: `sampling` picks one token from its logits, `generate` many, one by one.

`speculative` lets a cheap draft guess several tokens, which the model checks in one pass.
"""
