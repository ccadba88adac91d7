"""The rows that a model learns from: questions about Python, preference pairs, and data files.

Read `docstrings`, `rule`, `preferences`, `words` and `sentences` for the default data; `sources`,
`columns`, `turns`, `transcripts`, `layouts`, `pair_layouts` and `files` for files; `selection` and
`splitting` for which rows are used; and `tasks`, which puts them together. `preference_report`
describes a data set.
"""
