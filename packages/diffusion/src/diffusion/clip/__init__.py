"""CLIP: one vector space for images and captions, learned by matching images to their captions.

Read `config`, `towers` (the two transformers), `loss` (the contrastive loss), `training` (batches,
sampler and accuracy), `file`, then `open_clip_weights` and `open_clip_folder`.
"""
