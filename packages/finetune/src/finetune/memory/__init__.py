"""Memory of a training step: estimated before it runs, and measured.

Read `step`, `block_activations`, `activations`, `estimate`, `measurement`. Only chapters and
exercises use this folder; `finetune compare` takes the shape of SmolLM2 from it.
"""
