"""CLIP against open_clip, with the same weights."""

import dataclasses

import pytest
import torch

from diffusion.clip.config import CLIPConfig, TowerConfig
from diffusion.clip.loss import contrastive_loss, sigmoid_loss
from diffusion.clip.open_clip_folder import (
    from_open_clip_config,
    load_open_clip,
    save_open_clip,
    to_open_clip_config,
)
from diffusion.clip.open_clip_weights import from_open_clip, to_open_clip
from diffusion.clip.towers import CLIP
from gpt.errors import BadInput

open_clip = pytest.importorskip("open_clip", reason="baselines: needs the extra baselines")
pytestmark = [
    pytest.mark.baselines,
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning"),
]

CONFIG = CLIPConfig(
    vocab_size=50,
    context=7,
    size=16,
    patch_size=8,
    d_embedding=12,
    image_tower=TowerConfig(32, 2, 4),
    caption_tower=TowerConfig(24, 2, 3),
)
CAPTIONS = torch.tensor([[3, 4, 49, 0, 0, 0, 0], [7, 49, 0, 0, 0, 0, 0], [1, 2, 3, 4, 5, 6, 49]])


def library_clip(config, dtype=torch.float64):
    from open_clip.model import CLIP as LibraryCLIP

    library = LibraryCLIP(**to_open_clip_config(config)).to(dtype).eval()
    with torch.no_grad():
        for parameter in library.parameters():  # biases and gains too, which start at 0 and 1
            parameter += 0.05 * torch.randn_like(parameter)
    return library


def our_clip(library, config):
    ours = CLIP(config).to(library.logit_scale.dtype).eval()
    ours.load_state_dict(from_open_clip(library.state_dict(), config))
    return ours


@pytest.mark.parametrize("activation", ["gelu", "quick-gelu"])
def test_towers_loss_and_gradients_equal_those_of_open_clip(activation):
    config = dataclasses.replace(CONFIG, activation=activation)
    library = library_clip(config)
    ours = our_clip(library, config)
    images = torch.randn(3, 3, 16, 16, dtype=torch.float64)
    theirs, out = library(images, CAPTIONS), ours(images, CAPTIONS)
    for our_output, their_output in zip(out, theirs, strict=True):
        torch.testing.assert_close(our_output, their_output, atol=1e-12, rtol=0)
    their_loss = open_clip.loss.ClipLoss()(*theirs)
    scores = out.scale * out.images @ out.captions.T
    our_loss = contrastive_loss(scores, torch.eye(3, dtype=torch.bool)).mean()
    torch.testing.assert_close(our_loss, their_loss, atol=1e-12, rtol=0)
    their_loss.backward()
    our_loss.backward()
    their_gradients = {name: p.grad for name, p in library.named_parameters()}
    our_gradients = {name: p.grad for name, p in ours.named_parameters()}
    converted = from_open_clip(their_gradients, config)
    torch.testing.assert_close(our_gradients, converted, atol=1e-11, rtol=1e-8)


def test_the_state_of_every_word_equals_that_of_open_clip():
    library = library_clip(CONFIG)
    ours = our_clip(library, CONFIG)
    out = library.forward_intermediates(None, CAPTIONS, normalize_intermediates=True)
    states = ours.caption_tower.states(CAPTIONS)
    torch.testing.assert_close(states, out["text_intermediates"][-1], atol=1e-12, rtol=0)


def test_the_sigmoid_loss_equals_that_of_open_clip():
    images, captions = torch.nn.functional.normalize(torch.randn(2, 5, 8), dim=-1)
    scale, bias = torch.tensor(9.0), torch.tensor(-8.0)
    theirs = open_clip.loss.SigLipLoss()(images, captions, scale, bias)
    ours = sigmoid_loss(scale * images @ captions.T + bias, torch.eye(5, dtype=torch.bool))
    torch.testing.assert_close(ours.mean(), theirs)


def test_weights_and_config_there_and_back_are_equal():
    library = library_clip(CONFIG, torch.float32).state_dict()
    back = to_open_clip(from_open_clip(library, CONFIG), CONFIG)
    assert back.keys() == library.keys()
    assert all(torch.equal(back[name], library[name]) for name in library)
    assert from_open_clip_config(to_open_clip_config(CONFIG)) == CONFIG


def test_a_folder_that_we_write_opens_in_open_clip_and_back(tmp_path):
    ours = CLIP(CONFIG).eval()
    save_open_clip(tmp_path / "clip", ours)
    library = open_clip.create_model(f"local-dir:{tmp_path / 'clip'}").eval()
    images = torch.randn(3, 3, 16, 16)
    with torch.no_grad():
        for a, b in zip(ours(images, CAPTIONS), library(images, CAPTIONS), strict=True):
            torch.testing.assert_close(a, b, atol=1e-5, rtol=0)
    again = load_open_clip(str(tmp_path / "clip"))
    for name, weight in ours.state_dict().items():
        assert torch.equal(again.state_dict()[name], weight)


def test_published_configs_of_this_architecture_are_understood_and_others_refused():
    config = from_open_clip_config(open_clip.get_model_config("ViT-B-32"))
    assert config.image_tower == TowerConfig(768, 12, 12)
    assert config.caption_tower == TowerConfig(512, 12, 8)
    assert from_open_clip_config(open_clip.get_model_config("ViT-B-32-quickgelu")) == (
        dataclasses.replace(config, activation="quick-gelu")
    )
    for name, setting in {
        "RN50": "patch_size",
        "ViT-B-16-SigLIP": "init_logit_bias",
        "coca_ViT-B-32": "multimodal_cfg",
    }.items():
        with pytest.raises(BadInput, match=f"{setting} = .* is not supported"):
            from_open_clip_config(open_clip.get_model_config(name))


def test_missing_and_unknown_tensors_are_refused():
    weights = to_open_clip(CLIP(CONFIG).state_dict(), CONFIG)
    with pytest.raises(BadInput, match="misses tensor 'visual.proj'"):
        from_open_clip({k: v for k, v in weights.items() if k != "visual.proj"}, CONFIG)
    with pytest.raises(BadInput, match="has an unknown tensor 'odd'"):
        from_open_clip(weights | {"odd": torch.zeros(1)}, CONFIG)
    with pytest.raises(BadInput, match="needs images of 3 channels, got 1"):
        to_open_clip_config(dataclasses.replace(CONFIG, n_channels=1))
