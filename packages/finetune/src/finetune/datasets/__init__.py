"""The rows that a model learns from: a data file, or questions about Python's own library.

From a command to its rows, read in this order:

1. `tasks`: the entry; a Task has items to train on and held-out items.
2. `selection`: read the rows of a source; leave out rows that are unusable or too long.
3. `sources`: the rows of a file or of a hub data set, as dictionaries.
4. `layouts`: from a row to a conversation; `pair_layouts`: from a row to a preference pair.
5. `turns`: from one column to messages; `columns`: which other columns a row may have.
6. `splitting`: hold out questions.

Without a file (`--data python`) the rows are made here: `docstrings` reads the source of Python's
library, `questions` makes questions with answers, `rule` says what a good answer is, `words`
compares texts, `corruptions` makes worse answers, and `preferences` makes pairs of them.

No command needs `preference_report`: chapters and `diagnosis` describe sets of pairs with it.
"""
