"""Training of every stage: the loop of `gpt` with batches and a loss of its own.

Read `options` (what can be trained), `examples` (data as tensors), `batches` (what a step draws),
then `flow_run`, and `image_model`, which samples from what was trained.
"""
