"""Yours: each function raises NotImplementedError until you write it."""
