"""Exercise of the chapter on measuring images: can a nearest neighbour tell two sets apart?"""

from jaxtyping import Float
from torch import Tensor


def two_sample_accuracy(a: Float[Tensor, "N ..."], b: Float[Tensor, "M ..."]) -> float:
    """Return how often an image's nearest neighbour comes from the image's own set.

    Put both sets together. For every image of either set, find the nearest *other* image
    (Euclidean distance of all numbers). Return the share of images whose neighbour is of the same
    set: about 1/2 for sets of one kind and equal size, 1 for sets that are easy to tell apart, 0 if
    every image has a twin in the other set.
    """
    raise NotImplementedError
