"""Exercises of the book: a function to write, a check of it, and a solution.

An exercise has one name everywhere. For `epsilon_greedy_value`: write the function in
`mine/epsilon_greedy_value.py` or in a notebook cell; `check` in `check_epsilon_greedy_value`
returns silently if the function is right and otherwise says what is wrong;
`solutions/epsilon_greedy_value.py` is the solution of the chapter.

`python -m reasoning.exercises` checks everything in `mine`.
"""
