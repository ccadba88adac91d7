"""Flow matching: from noise to data along a learned velocity.

Read `path` (the straight line between data and noise), `times` (which points of it are trained),
`loss`, `samplers` (how a velocity is followed) and `guidance`; then `gaussian` and `mixture`, where
the true velocity is known. `ddpm` relates all of it to scores and to denoising diffusion.
"""
