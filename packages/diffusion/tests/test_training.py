"""Runs of `diffusion train`: they learn, and resume with the same bits."""

import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from subprocess import PIPE

import pytest
import torch

from diffusion.cli import main
from diffusion.clip.config import TowerConfig
from diffusion.data.emoji import STYLES
from diffusion.flow.loss import flow_loss
from diffusion.flow.mixture import ring, velocity_error
from diffusion.training.batches import flow_batches, flow_validation
from diffusion.training.clip_run import create_clip_run
from diffusion.training.examples import load_examples
from diffusion.training.flow_run import flow_model_config, load_flow_model
from diffusion.training.folder import DiffusionFolder
from diffusion.training.images import load_task_images
from diffusion.training.options import TrainConfig, recipe
from diffusion.vae.vae import VAE, VAEConfig
from diffusion.weight_files import read_weights
from gpt.runs.checkpoints import Checkpoint, checkpoint_files, newest_checkpoint, save_checkpoint
from gpt.training.config import LoopConfig
from gpt.training.loop import train

CPU = torch.device("cpu")
SMALL = "train --device cpu --d-model 32 --n-layers 1 --batch-size 6"
EMOJI = "--task emoji --n-names 4 --copies 1"
STAGES = {
    "points": "--task flow2d --micro-batch-size 4",
    "pixel": "--task digits",
    "vae": "--task digits --stage vae --stage-channels 8 8",
    "latent": "--task digits --stage latent --vae runs/vae",
    "clip": f"{EMOJI} --stage clip --patch-size 8 --learning-rate 3e-3",
}
"""Options of a run of each kind."""
ONE_THREAD = os.environ | {"OMP_NUM_THREADS": "1"}


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def train_autoencoder(stage):
    """Train the autoencoder that a stage needs, if it does."""
    if stage == "latent":
        assert main(f"{SMALL} {STAGES['vae']} --steps 2 --name vae".split()) == 0


def newest(folder):
    found = newest_checkpoint(DiffusionFolder(Path(folder)).checkpoints)
    assert found is not None
    return found[0]


def newest_step(folder):
    return newest(folder).values["step"]


def assert_equal_runs(a, b):
    """The weights are equal to the bit, and so are the losses and the weights that are kept."""
    one, two = newest(a).tensors, newest(b).tensors
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) for name in one)
    one, two = (
        {
            record["step"]: record | {"elapsed": 0}
            for record in DiffusionFolder(Path(each)).read_log()
        }
        for each in (a, b)
    )
    # a process that is killed right after a checkpoint has not logged the checkpoint's step yet
    assert len(one) - len(two) in (0, 1)
    assert all(record == one[step] for step, record in two.items())
    for kind in ("vae", "clip"):
        if (Path(a) / f"{kind}.safetensors").exists():
            one, two = (
                read_weights(Path(each) / f"{kind}.safetensors", kind).weights for each in (a, b)
            )
            assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_batch_is_drawn_from_the_seed_and_the_step_alone():
    examples = load_examples(TrainConfig()).train
    null = torch.tensor([10])
    first, again, other_seed = (
        flow_batches(examples, null, TrainConfig(batch_size=8, loop=LoopConfig(seed=seed)), CPU)
        for seed in (1, 1, 2)
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
    loop = LoopConfig(steps=300, learning_rate=3e-3, min_lr_ratio=0.0)
    config = TrainConfig(
        task="flow2d",
        condition="none",
        d_model=64,
        n_layers=2,
        batch_size=256,
        drop_rate=0.0,
        times="uniform",
        loop=loop,
    )
    examples = load_examples(config)
    torch.manual_seed(0)
    model = flow_model_config(config, (2,), None, None).build()
    batches = flow_batches(examples.train, model.null, config, CPU)

    def error():
        generator = torch.Generator().manual_seed(0)
        return velocity_error(model, ring(), 0.5, 2000, model.null, generator)

    before = error()
    list(train(model, batches, flow_loss, loop))
    assert before > 0.5
    assert error() < before / 5


@pytest.mark.parametrize("stage", STAGES)
def test_a_run_that_was_stopped_ends_with_the_same_bits(home, stage):
    train_autoencoder(stage)
    call = f"{SMALL} {STAGES[stage]} --steps 20 --save-every 11 --name".split()
    assert main([*call, "whole"]) == 0
    shutil.copytree("runs/whole", "runs/stopped")
    for late in checkpoint_files(home / "runs/stopped/checkpoints")[1:]:
        late.unlink()  # as if the process had been killed after step 11
    assert newest_step("runs/stopped") == 11
    assert main(["train", "--resume", "runs/stopped"]) == 0
    assert_equal_runs("runs/whole", "runs/stopped")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="posix signals")
@pytest.mark.parametrize("stage", ["pixel", "vae", "latent", "clip"])
def test_a_run_that_was_killed_and_then_interrupted_ends_with_the_same_bits(home, stage):
    train_autoencoder(stage)
    call = f"{SMALL} {STAGES[stage]} --steps 200 --save-every 5 --name".split()
    status, _ = send_at_next_checkpoint(signal.SIGKILL, [*call, "stopped"])
    killed_at = newest_step("runs/stopped")
    status_again, printed = send_at_next_checkpoint(
        signal.SIGINT, ["train", "--resume", "runs/stopped"]
    )
    assert (status, status_again) == (-signal.SIGKILL, 130)
    assert "resume with: diffusion train --resume runs/stopped" in printed
    assert killed_at < newest_step("runs/stopped") < 200
    assert main(["train", "--resume", "runs/stopped"]) == 0
    assert main([*call, "whole"]) == 0
    assert_equal_runs("runs/whole", "runs/stopped")


def send_at_next_checkpoint(sent, arguments):
    """Start a program, send it a signal at its next checkpoint; return its status and messages."""
    folder = Path("runs/stopped/checkpoints")
    before = checkpoint_files(folder)
    process = subprocess.Popen(
        [sys.executable, "-m", "diffusion", *arguments], env=ONE_THREAD, stderr=PIPE
    )
    while checkpoint_files(folder) == before and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(sent)
    printed = process.communicate()[1].decode()
    return process.returncode, printed


def test_the_checksum_of_latents_is_that_of_their_images():
    # latents differ in their last bits between machines, where a run should resume all the same
    vae = VAE(VAEConfig(1, 2, (8, 8)))
    images, latents = load_examples(TrainConfig()), load_examples(TrainConfig(), vae)
    assert latents.train.x.shape[1:] == (2, 4, 4)
    assert latents.sha256 == images.sha256
    assert load_examples(TrainConfig(condition="none"), vae).sha256 != images.sha256


def test_some_copies_of_emoji_have_only_a_name_or_a_style_as_caption():
    config = TrainConfig(task="emoji", n_names=4, copies=8)
    train, held_out = load_task_images(config)
    assert all(caption.split()[0] in STYLES for caption in held_out.captions)
    n = len(train) // 8
    copies = [train.captions[i * n : (i + 1) * n] for i in range(8)]
    for whole, name, style in zip(copies[0], copies[3], copies[7], strict=True):
        assert whole == f"{style} {name}" and style in STYLES
    assert all(copies[i] == copies[0] for i in (1, 2, 4, 5, 6))
    # "fluent" as a caption would make wrong negatives of a CLIP's batch
    clip, _ = load_task_images(dataclasses.replace(config, stage="clip"))
    assert clip.captions == copies[0] * 8 and torch.equal(clip.images, train.images)


@pytest.mark.parametrize(("stage", "has_all"), [("latent", True), ("clip", True), ("vae", False)])
def test_at_64_pixels_models_of_captions_learn_every_name(stage, has_all):
    config = dataclasses.replace(recipe("emoji", stage), size=64, n_names=20, copies=2)
    train, held_out = load_task_images(config)
    assert train.images.shape[1:] == (3, 64, 64)
    assert (set(held_out.captions) <= set(train.captions)) == has_all
    for image in held_out.images:  # neither drawings nor copies of training
        assert (train.images - image).abs().amax(dim=(1, 2, 3)).amin() > 0.1


def test_the_towers_of_a_clip_have_the_shape_of_the_options(home):
    config = TrainConfig(
        task="emoji", stage="clip", n_names=4, copies=1, d_model=32, n_layers=1, n_heads=2
    )
    folder = DiffusionFolder(home / "runs/clip")
    create_clip_run(folder, dataclasses.replace(config, batch_size=6))
    clip = folder.clip_config()
    assert clip.image_tower == clip.caption_tower == TowerConfig(32, 1, 2)


def test_a_unet_and_a_network_that_predicts_the_data_are_trained(home):
    options = "--network unet --target x --condition none --steps 2 --name unet"
    assert main([*SMALL.split(), *options.split()]) == 0
    model = load_flow_model(DiffusionFolder(home / "runs/unet"))
    assert type(model.network).__name__ == "UNet"
    assert model.target == "x"
    assert (home / "runs/unet/loss.png").stat().st_size > 1000


def test_a_flow_model_is_that_of_the_last_step_and_not_of_the_lowest_loss(home):
    assert main(f"{SMALL} --steps 2 --save-every 1 --name last".split()) == 0
    folder = DiffusionFolder(home / "runs/last")
    checkpoint, _ = newest_checkpoint(folder.checkpoints)
    later = {name: tensor + 1 for name, tensor in checkpoint.tensors.items()}
    save_checkpoint(folder.checkpoints, 3, Checkpoint(later, checkpoint.values | {"best_step": 2}))
    for name, weight in load_flow_model(folder).state_dict().items():
        assert torch.equal(weight, later[f"model.{name}"])


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="posix: gloo under torchrun")
@pytest.mark.parametrize("stage", [*STAGES, "text", "text-unet"])
def test_one_process_and_two_learn_the_same(home, stage):
    train_autoencoder(stage)
    options = STAGES.get(stage, f"{EMOJI} --condition text --n-heads 2 --patch-size 8")
    options += " --network unet" if stage == "text-unet" else ""
    options += " --batch-size 7 --steps 20 --save-every 20"
    options += "" if stage == "clip" else " --micro-batch-size 2"
    call = f"{SMALL} {options} --name".split()
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    subprocess.run(
        [*torchrun, "--nproc-per-node", "2", "-m", "diffusion", *call, "two"],
        env=ONE_THREAD,
        capture_output=True,
        check=True,
    )
    assert main([*call, "one"]) == 0
    one, two = (DiffusionFolder(home / "runs" / name).read_log() for name in ("one", "two"))
    assert len(one) == len(two) == 20
    for a, b in zip(one[:5], two[:5], strict=True):  # later, Adam amplifies the last bits
        # fp32 holds seven digits, and the U-Net's first gradients have a norm of 69
        expected = pytest.approx((b["loss"], b["grad_norm"]), abs=1e-5, rel=1e-6)
        assert (a["loss"], a["grad_norm"]) == expected
