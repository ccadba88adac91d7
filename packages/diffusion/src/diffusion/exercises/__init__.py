"""Exercises of the book: a function to write, a check of it, and a solution.

An exercise has one name everywhere. For `mean_velocity`: write the function in
`mine/mean_velocity.py` or in a notebook cell; `check` in `check_mean_velocity` returns silently if
the function is right and otherwise says what is wrong; `solutions/mean_velocity.py` is the solution
of the chapter.

`python -m diffusion.exercises` checks everything in `mine`.
"""
