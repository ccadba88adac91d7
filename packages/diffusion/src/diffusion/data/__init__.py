"""Images with labels and captions, all of them offline.

Read `image_set` (what every data set is), then `digits`; `shape_descriptions`, `shapes`,
`shape_split` and `shape_reading` (captions whose every word can be checked); `emoji` and
`augmentation`; `captions` (words as token ids). Your own images: `sources`, which finds `folders`,
`binary_files` (MNIST, CIFAR-10) and `hub`, all by way of `image_files`.
"""
