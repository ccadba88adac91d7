"""What the command `gpt` does: one module a verb, each a config and a function that takes it."""
