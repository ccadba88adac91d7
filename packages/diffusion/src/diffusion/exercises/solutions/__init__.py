"""Solutions: one way to write each function, to read after you have tried."""
