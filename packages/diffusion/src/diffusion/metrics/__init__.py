"""Metrics of generated images, each checked on real images first.

Read `judge` (does the image show its label?), `coverage` (do samples vary as real images do?),
`frechet` (are their features distributed alike?), `copies` (are samples training images again?),
`retrieval` (is the right name found among all names?), and `distances` for 2-D points. Accuracy
by itself says little: a model that always draws the same perfect seven has it too. `intervals` of
gpt's evaluation turn the rates into ranges.
"""
