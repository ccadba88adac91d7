"""Evaluating a model: `scores` of its predictions, `ngram` baselines, `originality` of its text."""
