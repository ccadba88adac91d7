"""Looking inside a trained model: what its layers and heads compute, and what changes the answer.

Read `activations` first: all other modules record or change the numbers at its points. Then
`attention_maps`, `lens`, `attribution`, `head_types`, `ablation` and `patching`.
"""
