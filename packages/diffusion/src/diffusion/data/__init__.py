"""Images with labels and captions, all of them offline.

Read `image_set` (what every data set is), then `digits`, `shapes`, `emoji`, and `folders` for your
own images.
"""
