"""Exercises of the book: an answer to write, a check that judges it, and our solution.

An exercise has one name everywhere. For `learn_merges`: write into `mine/learn_merges.py`, or into
a notebook cell; `check_learn_merges.check(learn_merges)` returns quietly when the function is right
and says what is wrong otherwise; `solutions/learn_merges.py` is what the chapter shows.

`python -m finetune.exercises` checks everything in `mine`.
"""
