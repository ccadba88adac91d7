"""Handwritten digits of 8 x 8 pixels, real and offline: they come with scikit-learn.

1,797 digits by 43 people (Alpaydin and Kaynak 1998, UCI). The first three quarters are for training
and the rest for tests, in the order of the data, so that most writers of test digits are new.
"""

from typing import Any

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
    return everything.select(range(N_TRAIN)), everything.select(range(N_TRAIN, len(images)))
