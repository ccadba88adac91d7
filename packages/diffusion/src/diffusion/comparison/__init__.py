"""Rows of `diffusion compare`: our numbers and times next to those of diffusers and open_clip.

Read `compared_models` first, then `dit_rows` (outputs, gradients and training steps),
`sampler_rows` (schedulers), `guided_rows` (whole guided sampling), `vae_rows`, `clip_rows` and
`memory`. `diffusion.baselines` imports the libraries, and is itself imported only when a row is
computed.
"""
