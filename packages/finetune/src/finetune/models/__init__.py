"""The two models of this package: one that is asked how likely a text is, one that scores it."""
