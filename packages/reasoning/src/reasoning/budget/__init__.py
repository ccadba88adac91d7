"""Budget forcing: more or fewer attempts than the model would make by itself.

Read `forcing` (words put into a trace while it is sampled), `prediction` (the accuracy of a budget
if attempts do not depend on each other), `restarts` (the same attempts, each from the prompt), then
`curve` (accuracy by the number of attempts, and the three numbers that describe it).
"""
