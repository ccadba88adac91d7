"""How good is it: `scores` of a model, `ngram` models beside it, `originality` of its text."""
