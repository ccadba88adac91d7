"""Small models of one idea each, for the chapters.

`pizza` is a whole forward pass for a pencil; `sinusoids` and `position_schemes` say where a word
stands; `sharing`, `scaling`, `asymmetry`, `dropout` and `counts` take one question each.
"""
