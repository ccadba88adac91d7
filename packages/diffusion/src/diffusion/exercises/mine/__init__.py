"""Your answers: each function raises NotImplementedError until you write it."""
