import dataclasses
import math

import pytest
import torch

from diffusion.clip.config import CLIPConfig, TowerConfig
from diffusion.clip.file import load_clip, save_clip
from diffusion.clip.open_clip_folder import load_open_clip, save_open_clip
from diffusion.clip.towers import CLIP, CaptionEncoder
from diffusion.model.conditions import CaptionCondition
from gpt.errors import BadInput

SMALL = CLIPConfig(
    vocab_size=12,
    context=6,
    size=8,
    d_embedding=16,
    image_tower=TowerConfig(16, 2, 2),
    caption_tower=TowerConfig(24, 1, 4),
)
CAPTIONS = torch.tensor([[3, 4, 11, 0, 0, 0], [5, 11, 0, 0, 0, 0], [1, 2, 3, 4, 5, 11]])
"""Three captions; 11 is the end token, and 0 is padding."""


def test_vectors_have_length_1_and_the_scale_starts_as_in_the_paper():
    images, captions, scale = CLIP(SMALL)(torch.randn(3, 3, 8, 8), CAPTIONS)
    torch.testing.assert_close(images.norm(dim=1), torch.ones(3))
    torch.testing.assert_close(captions.norm(dim=1), torch.ones(3))
    assert scale.item() == pytest.approx(1 / 0.07)


def test_the_vector_of_a_caption_is_read_at_its_end_token_and_padding_does_not_matter():
    tower = CLIP(SMALL).caption_tower.double()
    vectors = tower(CAPTIONS)
    states = tower.states(CAPTIONS)
    at_end = torch.stack([states[0, 2], states[1, 1], states[2, 5]]) @ tower.projection
    assert torch.equal(vectors, at_end)
    torch.testing.assert_close(tower(CAPTIONS[:2, :3]), vectors[:2])  # with less padding
    other_padding = CAPTIONS.clone()
    other_padding[other_padding == 0] = 7
    torch.testing.assert_close(tower(other_padding), vectors)


def test_later_words_do_not_change_earlier_states_but_all_patches_act_on_the_image_vector():
    clip = CLIP(SMALL).double()
    changed = CAPTIONS.clone()
    changed[2, 4] = 9
    before, after = clip.caption_tower.states(CAPTIONS), clip.caption_tower.states(changed)
    assert torch.equal(before[2, :4], after[2, :4])
    assert not torch.allclose(before[2, 4:], after[2, 4:])
    images = torch.randn(1, 3, 8, 8, dtype=torch.float64, requires_grad=True)
    clip.image_tower(images).sum().backward()
    assert (images.grad != 0).all()


def test_an_encoder_serves_as_the_encoder_of_a_caption_condition():
    tower = CLIP(SMALL).caption_tower
    encoder = CaptionEncoder(tower).freeze()
    assert not any(parameter.requires_grad for parameter in encoder.parameters())
    states, vectors = encoder(CAPTIONS)
    assert torch.equal(states, tower.states(CAPTIONS))
    assert torch.equal(vectors, tower(CAPTIONS))
    condition = CaptionCondition(encoder, 24, 16, context=6, d_model=20)
    ids = torch.cat([CAPTIONS, torch.zeros(1, 6, dtype=torch.long)])
    out = condition(ids)
    assert out.words.shape == (4, 6, 20)
    assert torch.equal(out.vector[3], condition.null_caption)
    out.vector.sum().backward()
    assert condition.caption.weight.grad is not None


def test_a_file_keeps_weights_config_words_and_description(tmp_path):
    clip = CLIP(SMALL)
    save_clip(tmp_path / "clip.safetensors", clip, {"words": ["a", "b"]}, {"steps": 3})
    loaded = load_clip(tmp_path / "clip.safetensors")
    assert (loaded.words, loaded.about) == ({"words": ["a", "b"]}, {"steps": 3})
    assert loaded.clip.config == SMALL
    for name, weight in clip.state_dict().items():
        assert torch.equal(loaded.clip.state_dict()[name], weight)


def test_a_missing_folder_and_foreign_folders_are_refused(tmp_path):
    with pytest.raises(BadInput, match="there is no folder 'owner/none', and "):
        load_open_clip("owner/none")
    with pytest.raises(BadInput, match="is not a folder with an open_clip_config.json"):
        load_open_clip(str(tmp_path))
    (tmp_path / "open_clip_config.json").write_text('{"model_cfg": {"embed_dim": 3}}')
    with pytest.raises(BadInput, match="has no entry 'vision_cfg'"):
        load_open_clip(str(tmp_path))
    save_open_clip(tmp_path, CLIP(SMALL))
    (tmp_path / "open_clip_model.safetensors").write_bytes(b"damaged")
    with pytest.raises(BadInput, match="do not fit"):
        load_open_clip(str(tmp_path))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"patch_size": 3}, "patch_size 3 does not divide the image size 8"),
        ({"context": 0}, "context must be at least 1, got 0"),
    ],
)
def test_impossible_models_are_refused(changes, message):
    with pytest.raises(BadInput, match=message):
        dataclasses.replace(SMALL, **changes)


def test_impossible_towers_are_refused():
    with pytest.raises(BadInput, match="n_heads 3 does not divide d_model 16"):
        TowerConfig(16, 1, 3)
    with pytest.raises(BadInput, match="n_layers must be at least 1, got 0"):
        TowerConfig(16, 0, 2)


def test_quick_gelu_changes_the_activation_only():
    clip = CLIP(SMALL)
    quick = CLIP(dataclasses.replace(SMALL, activation="quick-gelu"))
    quick.load_state_dict(clip.state_dict())
    x = torch.tensor([1.0])
    activation = quick.image_tower.blocks[0].mlp.activation
    assert activation(x).item() == pytest.approx(1 / (1 + math.exp(-1.702)))
    assert not torch.equal(quick.caption_tower(CAPTIONS), clip.caption_tower(CAPTIONS))
