"""Ours: one way to write each function, for after you have tried."""
