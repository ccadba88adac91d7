"""`diffusion compare` on this machine: the untimed groups; timed groups are marked slow."""

import json
import sys

import pytest
import torch

pytest.importorskip("diffusers", reason="baselines: needs the extra baselines")

from diffusion.cli import main
from diffusion.clip import training as clip_training
from diffusion.commands.compare import compared_groups
from diffusion.comparison import (
    clip_rows,
    compared_models,
    dit_rows,
    guided_rows,
    memory,
    sampler_rows,
    vae_rows,
)
from diffusion.comparison.compared_models import ComparedShape
from diffusion.flow import guidance
from diffusion.flow.samplers import SAMPLERS
from diffusion.flow.times import shift_times
from diffusion.model import dit, time_embedding
from diffusion.model.dit import DiTConfig
from diffusion.vae import layers as vae_layers

pytestmark = pytest.mark.baselines

FIELDS = {
    "name", "library", "max_abs_diff", "tolerance", "ours_s", "library_s", "speedup", "floor", "ok",
}  # fmt: skip
SMALL = ComparedShape(DiTConfig(n_channels=4, n_layers=2, n_heads=2, d_model=16, d_ff=64), 4)


@pytest.fixture
def small_shapes(monkeypatch):
    monkeypatch.setitem(compared_models.COMPARED_SHAPES, "digits", SMALL)
    monkeypatch.setitem(compared_models.COMPARED_SHAPES, "latent", SMALL)
    monkeypatch.setattr(clip_rows, "N_PAIRS", 5)
    monkeypatch.setattr(vae_rows, "N_ENCODED", 2)


def rows_of(capsys, *options):
    status = main(["compare", "--json", *options])
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert all(row.keys() >= FIELDS for row in rows)
    return status, rows


@pytest.mark.parametrize("group", [name for name, _ in compared_groups(timed=False)])
def test_every_row_of_the_group_is_equal(group, capsys, small_shapes):
    status, rows = rows_of(capsys, "--only", group, "--no-speed")
    assert [row["name"] for row in rows if not row["ok"]] == []
    assert rows and status == 0


@pytest.mark.slow
@pytest.mark.parametrize("group", [name for name, _ in compared_groups(timed=True)])
def test_every_row_at_full_size_is_equal(group, capsys):
    status, rows = rows_of(capsys, "--only", group)
    assert [row["name"] for row in rows if not row["ok"]] == []
    assert rows and status == 0


def test_timed_rows_have_both_times_and_a_floor(small_shapes, monkeypatch):
    monkeypatch.setattr(guided_rows, "N_STEPS", 3)
    timed = [*dit_rows.step_rows(), *guided_rows.guided_rows(timed=True)]
    timed += [*vae_rows.vae_rows(timed=True)[1:], *clip_rows.clip_rows(timed=True)[1:]]
    assert [row.floor for row in timed] == [1.1, 1.1, 1.2, 1.2, 1.0, 1.0, 1.0]
    assert all(row.is_equal and row.ours_s > 0 and row.library_s > 0 for row in timed)


def test_the_peak_memory_of_a_step_is_measured(small_shapes, capsys, monkeypatch):
    peaks = iter([100, 350])
    monkeypatch.setattr(memory, "peak_memory_bytes", lambda: next(peaks))
    memory.print_training_peak("digits", "library")
    assert capsys.readouterr().out == "250\n"


def test_without_the_extra_the_error_names_it(capsys, monkeypatch):
    import diffusion

    monkeypatch.delattr(diffusion, "baselines", raising=False)
    monkeypatch.setitem(sys.modules, "diffusion.baselines", None)
    assert main(["compare", "--only", "schedulers"]) == 2
    assert "baselines" in capsys.readouterr().err


def test_an_unknown_group_is_refused(capsys):
    assert main(["compare", "--only", "nothing"]) == 2
    assert "no group of rows is called 'nothing'" in capsys.readouterr().err


def shifted_twice(n_steps, shift=1.0):
    evenly = torch.linspace(1, 0, n_steps + 1, dtype=torch.float64)
    return shift_times(shift_times(evenly, shift), shift)


def test_times_that_are_shifted_twice_make_the_row_unequal(monkeypatch):
    assert sampler_rows.euler_row(10, 3.0).is_equal
    monkeypatch.setattr(sampler_rows, "sampling_times", shifted_twice)
    assert not sampler_rows.euler_row(10, 3.0).is_equal


def test_another_rule_of_second_order_makes_the_row_unequal(monkeypatch):
    assert sampler_rows.heun_row(10).is_equal
    monkeypatch.setitem(SAMPLERS, "heun", SAMPLERS["midpoint"])
    assert not sampler_rows.heun_row(10).is_equal


def test_a_time_in_other_units_makes_the_row_unequal(monkeypatch, small_shapes):
    monkeypatch.setattr(time_embedding, "TIME_SCALE", 999.0)
    assert not dit_rows.equality_row("digits", has_labels=True).is_equal


def test_another_eps_makes_the_row_unequal(monkeypatch, small_shapes):
    def with_large_eps(x, shift, scale, eps=1e-3):
        return torch.nn.functional.layer_norm(x, x.shape[-1:], eps=1e-3) * (1 + scale) + shift

    monkeypatch.setattr(dit, "modulate", with_large_eps)
    assert not dit_rows.equality_row("digits", has_labels=True).is_equal


def test_guidance_of_three_channels_makes_the_row_unequal(monkeypatch, small_shapes):
    class ThreeChannels(guidance.GuidedVelocity):
        def __call__(self, x, t):
            found = super().__call__(x, t)
            plain = self.model(x, torch.full((len(x),), t), self.condition)
            return torch.cat([found[:, :3], plain[:, 3:]], dim=1)

    assert guided_rows.guided_row("latent", timed=False).is_equal
    monkeypatch.setattr(guided_rows, "GuidedVelocity", ThreeChannels)
    assert not guided_rows.guided_row("latent", timed=False).is_equal


def test_a_contrastive_loss_of_one_direction_makes_the_row_unequal(monkeypatch, small_shapes):
    def of_images(scores, matches):
        return -scores.log_softmax(dim=1)[matches]

    monkeypatch.setattr(clip_training, "contrastive_loss", of_images)
    assert not clip_rows.clip_equality_row().is_equal


def test_another_eps_of_the_autoencoder_makes_its_rows_unequal(monkeypatch, small_shapes):
    monkeypatch.setattr(vae_layers, "GROUP_NORM_EPS", 1e-3)
    assert not any(row.is_equal for row in vae_rows.vae_rows(timed=False)[1:])
