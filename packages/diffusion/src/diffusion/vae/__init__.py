"""The variational autoencoder: an image as a small latent image, and the image of a latent one.

Read `layers`, `vae` (encoder, decoder, and the normal distribution in between), `loss`, `latents`
(the scale that a diffusion model expects), `file`, then `diffusers_weights` and
`diffusers_folder`.
"""
