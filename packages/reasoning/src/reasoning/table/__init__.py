"""All methods on the same problems: read `setting` (what rows share), then the rows.

`countdown_rows` and `chain_rows` have one function per method, `measure` runs rows and keeps their
results, `report` gives each rate its interval, and `claims` checks what is said about them.
"""
