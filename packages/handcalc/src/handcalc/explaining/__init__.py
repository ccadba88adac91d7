"""The formula behind any number of a calculation.

In order of reading: `expression` (numbers that remember their formula), `explain` (the formula of a
named number, in names and in numbers), `text` (the printed form).
"""
