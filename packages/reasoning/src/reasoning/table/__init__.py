"""All methods on the same problems: read `setting` (what rows share), then the rows.

`chain_rows`, `sample_rows` and `search_rows` have one function per method, and `countdown_rows`
says what each row of countdown uses. `measure` runs rows and saves their results, `report` computes
rates with intervals, `claims` checks statements about pairs of rows, and `frontier` finds the rows
that are worth their tokens. `grid` and `picture` show the table.
"""
