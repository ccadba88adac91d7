"""Handwritten digits of 8 x 8 pixels, real and offline: they come with scikit-learn.

1,797 digits by 43 people (Alpaydin and Kaynak 1998, UCI), a random quarter of them for tests. The
data are in the order of their writers, so without shuffling the test digits would be by others.
"""

from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits

from diffusion.data.image_set import ImageSet

N_TRAIN = 1_347
DIGIT_NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def digits() -> tuple[ImageSet, ImageSet]:
    """Return the digits for training and those for tests."""
    data: Any = load_digits()
    images = torch.tensor(data.images, dtype=torch.float32)[:, None] / 8 - 1  # from 0..16
    captions = [DIGIT_NAMES[label] for label in data.target]
    everything = ImageSet(images, torch.tensor(data.target), captions, DIGIT_NAMES)
    order = np.random.default_rng(0).permutation(len(images)).tolist()
    return everything.select(order[:N_TRAIN]), everything.select(order[N_TRAIN:])
