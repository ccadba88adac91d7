"""Generating text: `sampling` picks one token from its logits, `generate` many, one by one."""
