"""Features of images: what a small network computes just before it names the label.

Pixels are poor features: a digit moved by one pixel is far from itself. A network trained to tell
labels apart keeps what matters for them. Distances in its features are what the FID measures
(Heusel et al. 2017), whose network has seen a million photographs; ours is trained here, on the
labels of the data, in seconds. So values of different data sets cannot be compared.
"""

import torch
import torch.nn.functional as F
from einops import reduce
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn

from diffusion.metrics.checks import check_rows
from diffusion.metrics.copies import Augment
from gpt.errors import BadInput
from gpt.training.adamw import AdamW
from gpt.training.config import warmup_cosine

CHANNELS = (32, 64, 128)
SMALLEST = 8
"""Layers halve height and width down to this many pixels."""
N_GROUPS = 8
QUARTERS = {"up": 2, "left": 2}
"""Positions are averaged per quarter of the image, so that what is above stays above."""


class ImageClassifier(nn.Module):
    """Three convolutions, the mean over each quarter, and two linear layers to label logits."""

    def __init__(
        self, n_channels: int, size: int, n_labels: int, d_features: int, generator: Generator
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for n_inputs, n_outputs in zip((n_channels, *CHANNELS), CHANNELS, strict=False):
            stride = 2 if size > SMALLEST else 1
            size = size // stride
            convolution = nn.Conv2d(n_inputs, n_outputs, 3, stride, padding=1)
            layers += [convolution, nn.GroupNorm(N_GROUPS, n_outputs), nn.GELU()]
        self.convolutions = nn.Sequential(*layers)
        self.to_features = nn.Linear(4 * CHANNELS[-1], d_features)
        self.to_logits = nn.Linear(d_features, n_labels)
        self.n_channels = n_channels
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
                assert module.bias is not None
                nn.init.zeros_(module.bias)

    def features(self, images: Float[Tensor, "B C height width"]) -> Float[Tensor, "B D"]:
        """Return the activations before the last layer."""
        if images.shape[1] != self.n_channels:
            raise BadInput(f"this network reads {self.n_channels} channels, got {images.shape[1]}")
        maps = self.convolutions(images)
        means = reduce(maps, "b c (up h) (left w) -> b (c up left)", "mean", **QUARTERS)
        return F.gelu(self.to_features(means))

    def forward(self, images: Float[Tensor, "B C height width"]) -> Float[Tensor, "B N"]:
        """Return the logits of the labels."""
        return self.to_logits(self.features(images))


def train_classifier(
    images: Float[Tensor, "N C height width"],
    labels: Int[Tensor, " N"],
    generator: Generator,
    augment: Augment | None = None,
    steps: int = 300,
    batch_size: int = 64,
    learning_rate: float = 3e-3,
    d_features: int = 64,
) -> ImageClassifier:
    """Train a classifier with AdamW and a cosine schedule, and return it ready for evaluation.

    The generator draws weights, batches and augmentations, so equal generators give equal networks.

    Raises:
        BadInput: there are fewer than two labels or no steps.
    """
    check_rows(2, images=images)
    n_labels = int(labels.max()) + 1
    if n_labels < 2 or steps < 1:
        raise BadInput(f"training needs 2 labels and 1 step, got {n_labels} and {steps}")
    model = ImageClassifier(images.shape[1], images.shape[2], n_labels, d_features, generator)
    optimizer = AdamW(model.parameters())
    for step in range(steps):
        rate = warmup_cosine(step, steps, steps // 5, learning_rate, 0.0)
        optimizer.param_groups[0]["lr"] = rate
        rows = torch.randint(len(images), (batch_size,), generator=generator)
        batch = images[rows] if augment is None else augment(images[rows], generator)
        F.cross_entropy(model(batch), labels[rows]).backward()
        optimizer.step()
        optimizer.zero_grad()
    return model.eval().requires_grad_(False)


def extract_features(
    model: ImageClassifier, images: Float[Tensor, "N C height width"], batch_size: int = 256
) -> Float[Tensor, "N D"]:
    """Return the features of all images, computed in batches."""
    return torch.cat([model.features(batch) for batch in images.split(batch_size)])
