"""Searches through the moves of a puzzle, with or without a model.

Read `state` (a node), `model` (the protocols of a policy and a value), `evaluators` (values of
states), `result` (the tree and the answer), then a search: `tree_of_thoughts`, or `tree_policy` and
`mcts`. `language_model` and `random_play` are two policies, `proposals` takes the likeliest moves
of one, `own_verdict` lets the model judge itself, and `cost` counts the tokens of all of them.
`methods` and `pictures` are for `reasoning solve`.
"""
