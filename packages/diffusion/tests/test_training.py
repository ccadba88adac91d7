"""Runs of `diffusion train`: they learn, and resume with the same bits."""

import os
import subprocess
import sys
from itertools import islice

import pytest
import torch

from diffusion.cli import main
from diffusion.flow.loss import flow_loss
from diffusion.flow.mixture import ring, velocity_error
from diffusion.training.batches import flow_batches, flow_validation
from diffusion.training.examples import load_examples
from diffusion.training.flow_run import load_flow_model
from diffusion.training.folder import DiffusionFolder
from diffusion.training.options import TrainConfig, flow_model_config
from gpt.runs.checkpoints import checkpoint_files, newest_checkpoint
from gpt.training.config import LoopConfig
from gpt.training.loop import train

CPU = torch.device("cpu")
SMALL = "train --device cpu --d-model 32 --n-layers 1 --batch-size 6 --save-every 2 "


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def weights(folder):
    found = newest_checkpoint(DiffusionFolder(folder).checkpoints)
    assert found is not None
    return found[0].tensors


def test_a_batch_is_drawn_from_the_seed_and_the_step_alone():
    examples = load_examples(TrainConfig()).train
    null = torch.tensor([10])
    first, again, other_seed = (
        flow_batches(examples, null, 8, 8, 0.5, "uniform", seed, CPU) for seed in (1, 1, 2)
    )
    first(0)  # calls in another order change nothing
    for a, b in zip(first(3)[0], again(3)[0], strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(first(3)[0].noise, first(4)[0].noise)
    assert not torch.equal(first(3)[0].noise, other_seed(3)[0].noise)


def test_validation_repeats_and_has_every_time_once():
    examples = load_examples(TrainConfig()).held_out
    validate = flow_validation(examples, torch.tensor([10]), 100, CPU)
    times = []

    class Zero(torch.nn.Module):
        def forward(self, x_t, t, condition):
            times.append(t)
            assert (condition != 10).all()  # nothing is dropped
            return torch.zeros_like(x_t)

    assert validate(Zero()) == validate(Zero())
    n = len(examples.x)
    expected = (torch.arange(n) + 0.5) / n
    torch.testing.assert_close(torch.cat(times[: len(times) // 2]).sort().values, expected)


def test_a_small_network_learns_the_velocity_of_the_ring():
    config = TrainConfig(task="flow2d", condition="none", d_model=64, n_layers=2)
    examples = load_examples(config)
    torch.manual_seed(0)
    model = flow_model_config(config, (2,), None, None).build()
    batches = flow_batches(examples.train, model.null, 256, 256, 0.0, "uniform", 0, CPU)
    loop = LoopConfig(steps=300, learning_rate=3e-3, min_lr_ratio=0.0)

    def error():
        generator = torch.Generator().manual_seed(0)
        return velocity_error(model, ring(), 0.5, 2000, model.null, generator)

    before = error()
    list(train(model, batches, flow_loss, loop))
    assert before > 0.5
    assert error() < before / 5


@pytest.mark.parametrize("options", ["--task digits", "--task flow2d --micro-batch-size 4"])
def test_a_run_that_was_stopped_ends_with_the_same_bits(home, options):
    call = f"{SMALL} {options} --steps 5 --name".split()
    assert main([*call, "whole"]) == 0
    assert main([*call, "stopped"]) == 0
    for late in checkpoint_files(home / "runs/stopped/checkpoints")[1:]:
        late.unlink()  # as if the process had been killed after step 4
    assert main(["train", "--resume", "runs/stopped"]) == 0
    whole, resumed = weights(home / "runs/whole"), weights(home / "runs/stopped")
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_a_unet_and_a_network_that_predicts_the_data_are_trained(home):
    options = "--network unet --target x --condition none --steps 2 --name unet"
    assert main([*SMALL.split(), *options.split()]) == 0
    model = load_flow_model(DiffusionFolder(home / "runs/unet"))
    assert type(model.network).__name__ == "UNet"
    assert model.target == "x"
    assert (home / "runs/unet/loss.png").stat().st_size > 1000


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="posix: gloo under torchrun")
def test_one_process_and_two_learn_the_same(home):
    call = f"{SMALL} --batch-size 7 --micro-batch-size 2 --steps 3 --name"
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    subprocess.run(
        [*torchrun, "--nproc-per-node", "2", "-m", "diffusion", *call.split(), "two"],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        check=True,
    )
    assert main([*call.split(), "one"]) == 0
    one, two = (DiffusionFolder(home / "runs" / name).read_log() for name in ("one", "two"))
    assert len(one) == len(two) == 3
    for a, b in islice(zip(one, two, strict=True), 3):
        assert (a["loss"], a["grad_norm"]) == pytest.approx((b["loss"], b["grad_norm"]), abs=1e-5)
