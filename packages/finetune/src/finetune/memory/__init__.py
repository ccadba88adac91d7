"""Memory of a training step: estimated before it runs, and measured.

Read `step`, `block_activations`, `activations`, `estimate`, `measurement`, `checkpointing`. Only
chapters and `finetune compare` use this folder.
"""
