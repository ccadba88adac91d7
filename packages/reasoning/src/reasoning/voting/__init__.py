"""Self-consistency: sample several answers and take the one that most of them give.

Read `votes` (counting), then `prediction` (how often a vote must be right).
"""
