"""Exercises of the chapters: a function to write, a check for it, and our solution.

An exercise has the same name everywhere. For `attend`: write the function in `mine/attend.py` or in
a notebook cell; `check_attend.check(attend)` raises an AssertionError that says what is wrong, or
returns None; `solutions/attend.py` is the solution that the chapter shows.

`python -m handcalc.exercises` checks everything in `mine`.
"""
