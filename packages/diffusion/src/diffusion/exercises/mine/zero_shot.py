"""Exercise of the chapter on CLIP: classify images by captions, several per class."""

from jaxtyping import Float, Int
from torch import Tensor


def zero_shot(
    images: Float[Tensor, "N E"], captions: Float[Tensor, "n_names n_templates E"]
) -> Int[Tensor, " N"]:
    """Return the name of each image: the one whose mean caption vector has the largest cosine.

    Args:
        images: vectors from the image tower, of any length.
        captions: vectors from the caption tower, of any length. Each name has several captions,
            such as "a photo of a cat" and "a drawing of a cat".

    Every caption of a name counts equally, whatever the length of its vector: bring the caption
    vectors to length 1, average them per name, and take the cosines of images and means.
    """
    raise NotImplementedError
