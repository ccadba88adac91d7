"""Our solutions: one way to write each function. Try it yourself first."""
