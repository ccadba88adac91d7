"""Learning from a score: PPO, piece by piece."""
