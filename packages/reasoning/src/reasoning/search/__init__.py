"""Searches through the moves of a puzzle, with or without a model.

Read `state` (a node), `model` (what a search asks for), `cost`, `language_model` and `random_play`
(two policies), `evaluators` and `own_verdict` (values of states), `result` (the tree and the
answer), `proposals` and `tree_of_thoughts`, `tree_policy` and `mcts`. `methods` and `pictures` are
for `reasoning solve`.
"""
