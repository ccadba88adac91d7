"""Exercises of the chapters: an answer to write, a check that judges it, and our solution.

An exercise has one name everywhere. For `relu_rows`: write into `mine/relu_rows.py`, or into a
notebook cell; `check_relu_rows.check(relu_rows)` returns quietly when the function is right and
says what is wrong otherwise; `solutions/relu_rows.py` is what the chapter shows.

`python -m handcalc.exercises` checks everything in `mine`.
"""
