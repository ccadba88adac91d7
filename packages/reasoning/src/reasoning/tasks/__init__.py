"""The tasks: problems that are made by the thousand and checked exactly.

Read `countdown` (the game, and which of its states can still be won), `exact` (how often random
play wins), `chain` (arithmetic, one operation after another), `expressions` (a parser for answers),
`vocabulary` (the words of the model). Other tasks: `transfer` (games that no model was trained on),
`word_problems` (from templates), `problem_files` (GSM8K and MATH) and `gym` (reasoning-gym).
"""
