"""Self-consistency: sample several answers and take the one that most of them give.

Read `votes` (counting), `prediction` (how often a vote must be right) and `curve` (the measured and
the predicted rate, for votes of growing size).
"""
