"""Budget forcing: more or fewer attempts than the model would make itself.

Read `forcing` (words put into a trace while it is sampled), then `curve` (accuracy by the number of
attempts, and the three numbers that describe it).
"""
