"""Diffusion, built to be read: from noise to images of what you typed.

Read `flow` (a line from data to noise, and the velocity along it), `model` (DiT and U-Net), `data`,
`training`, `metrics`, then `vae` and `clip`, which make text to image affordable.
"""
