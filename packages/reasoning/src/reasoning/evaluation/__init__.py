"""How often a model is right: read `answers` (what a text answers), then `pass_rates`."""
