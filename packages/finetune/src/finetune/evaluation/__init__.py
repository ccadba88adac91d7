"""Is it better? Scores of answers, and of those who judge them."""
