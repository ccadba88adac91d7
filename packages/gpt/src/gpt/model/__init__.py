"""The model, from the inside out: `attention`, `positions`, `layers`, `heads`, `blocks`, `gpt`."""
