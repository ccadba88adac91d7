"""Models in the layout of diffusers: our weights under its names, and folders that it opens.

Read `dit_shapes` (the config of a DiT), `dit_weights` (the names and layouts of its weights) and
then `export`. Nothing here imports diffusers.
"""
