"""Load a model by name, ask it questions, sample pairs of its answers.

Read `assistant`, `answering`, `base_model`, `vocabulary`, `sampled_pairs`.
"""
