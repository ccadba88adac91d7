"""The networks: DiT, a transformer for images, and a small U-Net as its baseline.

Read `patches` (an image as a sequence), `positions`, `time_embedding`, `modulation` (how a
condition acts on a block), `dit` (the blocks of `gpt` with a modulation), `conditions` (labels and
captions as vectors), `cross_attention`, `unet` and `point_network` (for points in two dimensions);
then `flow_model`, which makes a velocity of any of them.
"""
