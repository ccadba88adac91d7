"""Writing: `sampling` chooses a token from its scores, `generate` chooses one after the other."""
