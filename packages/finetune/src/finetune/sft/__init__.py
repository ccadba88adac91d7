"""Supervised fine-tuning: read `policy` (log-probabilities of a text), then `loss`."""
