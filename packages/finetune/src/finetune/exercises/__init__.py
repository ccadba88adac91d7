"""Exercises of the book: a function to write, a check of it, and a solution.

An exercise has one name everywhere. For `same_answer`: write the function in `mine/same_answer.py`
or in a notebook cell; `check_same_answer.check(same_answer)` returns silently if the function is
right and otherwise says what is wrong; `solutions/same_answer.py` is the solution of the chapter.

`python -m finetune.exercises` checks everything in `mine`.
"""
