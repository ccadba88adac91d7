"""A model that needs no training: the true velocity of one component, or of the whole mixture.

Label k stands for component k, and the label after the last component is the null condition: the
whole mixture. So guidance can be tried where both velocities are exact.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from diffusion.flow.gaussian import GaussianFlow
from diffusion.flow.mixture import Mixture
from gpt.errors import BadInput


class LabelledMixture(nn.Module):
    """True velocities of a mixture, with the interface of a trained flow model."""

    def __init__(self, mixture: Mixture) -> None:
        super().__init__()
        self.mixture = mixture
        self.null = torch.tensor([len(mixture.means)])

    def forward(
        self, x_t: Float[Tensor, "B D"], t: Float[Tensor, " B"], label: Int[Tensor, "B 1"]
    ) -> Float[Tensor, "B D"]:
        """Return the velocity of each row for its label.

        Raises:
            BadInput: the rows are not all at the same time.
        """
        if len(t.unique()) > 1:
            raise BadInput(f"all rows must have one time, got times from {t.min()} to {t.max()}")
        time, null = t[0].item(), self.null.item()
        component = label[:, 0].clamp(max=null - 1)
        flow = GaussianFlow(self.mixture.means[component], self.mixture.stds[component, None])
        whole = self.mixture.velocity(x_t, time)
        return torch.where(label == null, whole, flow.velocity(x_t, time))
