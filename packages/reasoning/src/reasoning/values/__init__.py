"""Two exact values of every state: read `policy_value`, which needs a model.

`tasks.countdown.is_solvable` is V*, and `tasks.exact` has the value of random play.
"""
