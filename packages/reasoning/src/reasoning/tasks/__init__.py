"""The tasks: problems that are made by the thousand and checked exactly.

Read `countdown` (the game, and which of its states can still be won), `chain` (arithmetic, one
operation after another), `expressions` (a parser for answers), `vocabulary` (the words of the
model).
"""
