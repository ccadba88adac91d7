r"""The tuned lens: the logit lens with an affine map per layer, trained to match the last layer.

logits_l = W norm(x_l + A_l x_l + b_l)
loss_l = KL(p_L || p_l)    with p_L the model's prediction at its end

(Belrose et al. 2023, "Eliciting Latent Predictions from Transformers with the Tuned Lens", section
3, where the map is A_l + I.)

The logit lens reads every layer in the coordinates of the last one. Earlier layers may keep the
same prediction in other directions, and the plain lens then shows noise. A linear map can turn
directions back, but it can't do what the skipped layers would have done. The last layer needs no
map: there both lenses are the model.

A and b start at zero, where both lenses are the same. They learn from the model's own predictions,
so any text will do, and it needs no targets. Train them by the package's loop:

    model.requires_grad_(False)
    lens = TunedLens(model)
    for record in train(lens, batches, partial(tuned_lens_loss, model), config): ...
"""

import torch
import torch.nn.functional as F
from einops import einsum
from jaxtyping import Float, Int
from torch import Tensor, nn

from gpt.errors import BadInput
from gpt.inside.activations import residual_streams
from gpt.model.gpt import GPT
from gpt.text.token_files import Batch
from gpt.training.accumulation import LossSum


class TunedLens(nn.Module):
    """One affine map of the residual stream before each block of a model."""

    def __init__(self, model: GPT) -> None:
        super().__init__()
        n_layers, d_model, like = len(model.blocks), model.config.d_model, model.embedding.weight
        self.weight = nn.Parameter(like.new_zeros(n_layers, d_model, d_model))
        self.bias = nn.Parameter(like.new_zeros(n_layers, d_model))

    def forward(self, x: Float[Tensor, "L B T D"]) -> Float[Tensor, "L B T D"]:
        """Compute x_l + A_l x_l + b_l in every layer."""
        return x + einsum(x, self.weight, "L B T D, L E D -> L B T E") + self.bias[:, None, None]


@torch.no_grad()
def tuned_lens(model: GPT, lens: TunedLens, tokens: Int[Tensor, "B T"]) -> Float[Tensor, "N B T V"]:
    """Return the logits after 0, 1, ..., L blocks, as `logit_lens` does."""
    x = residual_streams(model, tokens)
    return torch.stack([model.logits(model.final_norm(each)) for each in [*lens(x[:-1]), x[-1]]])


def tuned_lens_loss(model: GPT, lens: nn.Module, batch: Batch) -> LossSum:
    """Return the KL from the model's predictions to the lens's, summed over layers and positions.

    Raises:
        BadInput: the model would be trained too.
    """
    if any(parameter.requires_grad for parameter in model.parameters()):
        raise BadInput(
            "a lens is trained on a model that stays as it is; call model.requires_grad_(False)"
        )
    x = residual_streams(model, batch.tokens)
    final = model.logits(model.final_norm(x[-1])).log_softmax(dim=-1)
    total = x.new_zeros(())
    for layer in lens(x[:-1]):
        logprobs = model.logits(model.final_norm(layer)).log_softmax(dim=-1)
        total = total + F.kl_div(logprobs, final, reduction="sum", log_target=True)
    return LossSum(total, len(x[:-1]) * batch.tokens.numel())


@torch.no_grad()
def divergence_from_final(logits: Float[Tensor, "N B T V"]) -> Float[Tensor, " N"]:
    """Return KL(p_L || p_l) of each layer of a lens in nats, as a mean over positions."""
    logprobs = logits.log_softmax(dim=-1)
    final = logprobs[-1]
    return (final.exp() * (final - logprobs)).sum(dim=-1).mean(dim=(1, 2))
