"""Reasoning, built to be read, on one task whose every state has an exact value.

Read `tasks` (the problems and their checkers), then `start` (a small model that tries, notices a
miss and tries again), `evaluation` (how often it is right), `values` (how often it wins from a
state, exactly), `voting` and `search`.
"""
