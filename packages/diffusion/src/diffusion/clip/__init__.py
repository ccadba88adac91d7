"""CLIP: one vector space for images and captions, learned by matching images to their captions.

Read `towers` (the two transformers), `loss` (the contrastive loss), `training` (batches, samplers
and accuracy), `file`, then `open_clip_weights`.
"""
