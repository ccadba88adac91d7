"""Small experiments of one idea each; only the chapters and their tests use them.

In order of the chapters: `asymmetry` (queries and keys), `proportions` and `scaling` (softmax),
`counts` (parameters), `dropout`, `pizza` (a forward pass for a pencil), `sinusoids` and
`position_schemes` (positions).
"""
