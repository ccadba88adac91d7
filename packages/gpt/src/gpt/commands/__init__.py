"""Commands of the program `gpt`: each module has a config, and a function `run` that takes it."""
