"""Exercises of the book: a function to write, a check that judges it, and our solution.

An exercise has the same name everywhere. For `count_changes`, write the function in
`mine/count_changes.py` or in a notebook cell. `check_count_changes.check(count_changes)` returns
quietly if the function is right, and raises an AssertionError that says what is wrong otherwise.
`solutions/count_changes.py` holds the solution that the chapter shows.

`python -m gpt.exercises` checks everything in `mine`; `verdicts` prints the result.
"""
