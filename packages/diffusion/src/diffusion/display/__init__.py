"""Images on a screen: grids and strips as PNG files, images in a terminal, and figures.

Read `grid` (many images as one), `strip` (a trajectory from noise to data), `terminal` (images
where text is printed), `figures` and `image_figures`. They take arrays and never models.
"""
