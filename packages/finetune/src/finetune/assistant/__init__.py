"""Load a model by name, let it answer questions, and sample pairs of its answers.

Read `assistant` (load by name), `answering`, `base_model` (train the default model),
`sampled_pairs`.
"""
