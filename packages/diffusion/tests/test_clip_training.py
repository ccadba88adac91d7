import json
import os
import socket
import subprocess
import sys
from collections import Counter

import pytest
import torch

from diffusion.clip.config import CLIPConfig, TowerConfig
from diffusion.clip.loss import has_left_chance
from diffusion.clip.towers import CLIP
from diffusion.clip.training import CLIPBatch, UniqueCaptionSampler, clip_loss, retrieval_top1
from gpt.errors import BadInput
from gpt.runs.processes import local_rows
from gpt.training.loop import LoopConfig, train

TINY = CLIPConfig(
    vocab_size=20,
    context=3,
    size=8,
    d_embedding=16,
    image_tower=TowerConfig(16, 1, 2),
    caption_tower=TowerConfig(16, 1, 2),
)
SECONDS = 200


def named_images(n_names, n_styles=2):
    """Images of `n_names` patterns in several styles, with one caption per pattern."""
    generator = torch.Generator().manual_seed(0)
    patterns = torch.randn(n_names, 1, 3, 8, 8, generator=generator)
    noise = torch.randn(n_names, n_styles, 3, 8, 8, generator=generator)
    captions = torch.zeros(n_names, 3, dtype=torch.long)
    captions[:, 0], captions[:, 1] = torch.arange(1, n_names + 1), 19
    images = (patterns + 0.1 * noise).flatten(0, 1)
    return images, captions.repeat_interleave(n_styles, dim=0)


def test_it_leaves_chance_and_finds_the_caption_of_images():
    images, captions = named_images(12)
    torch.manual_seed(0)
    clip = CLIP(TINY)
    sampler = UniqueCaptionSampler([str(row.tolist()) for row in captions], 8, seed=0)

    def batches(step):
        rows = sampler(step)
        return [CLIPBatch(images[rows], captions[rows])]

    assert retrieval_top1(clip, images, captions) < 0.4
    config = LoopConfig(50, 5e-3)
    losses = [record.loss for record in train(clip, batches, clip_loss, config)]
    assert not has_left_chance(losses[0], 8)
    assert has_left_chance(losses[-1], 8)
    assert retrieval_top1(clip, images, captions, batch_size=5) > 0.95
    # with the captions of other images it is at 0
    assert retrieval_top1(clip, images, captions.roll(2, dims=0)) < 0.05


def test_equal_captions_in_a_batch_do_not_raise_the_loss_of_a_perfect_model():
    images, captions = named_images(2)

    class Perfect(torch.nn.Module):
        def forward(self, images, captions):
            vectors = torch.nn.functional.one_hot(captions[:, 0], 20).float()
            return vectors, vectors, torch.tensor(100.0)

    loss = clip_loss(Perfect(), CLIPBatch(images, captions))
    assert loss.terms == 4
    torch.testing.assert_close(loss.total, 4 * torch.tensor(2.0).log())  # ln 2: two right answers


def test_a_batch_of_one_pair_is_refused():
    images, captions = named_images(1, n_styles=1)
    with pytest.raises(BadInput, match="at least 2 pairs per batch, got 1"):
        clip_loss(CLIP(TINY), CLIPBatch(images, captions))


def test_no_caption_occurs_twice_in_a_batch_and_an_epoch_visits_all():
    captions = ["cat", "dog", "cat", "owl", "dog", "cat", "bee"]
    sampler = UniqueCaptionSampler(captions, 2, seed=3)
    rows = [sampler(step) for step in range(400)]
    for batch in rows:
        assert len({captions[row] for row in batch}) == 2
    for epoch in range(200):
        visited = {captions[row] for batch in rows[2 * epoch : 2 * epoch + 2] for row in batch}
        assert visited == {"cat", "dog", "owl", "bee"}
    counts = Counter(row for batch in rows for row in batch)
    assert all(40 < counts[row] < 95 for row in (0, 2, 5))  # a third of the visits each


def test_the_rows_depend_on_seed_and_step_only():
    captions = [str(n) for n in range(30)]
    first, again = (UniqueCaptionSampler(captions, 4, seed=1) for _ in range(2))
    assert [again(step) for step in (9, 2)] == [first(9), first(2)]
    assert first(0) != UniqueCaptionSampler(captions, 4, seed=2)(0)
    assert first(0) != first(7)  # 7 batches per epoch


@pytest.mark.parametrize("batch_size", [1, 4])
def test_batches_that_cannot_have_unique_captions_are_refused(batch_size):
    with pytest.raises(BadInput, match=f"between 2 and .* captions, 3, got {batch_size}"):
        UniqueCaptionSampler(["a", "b", "c", "a"], batch_size, seed=0)


# this module in each process; process 0 prints what it measured
DRIVER = """
import importlib.util, json, sys
import torch
from gpt.runs.processes import process_group, rank

spec = importlib.util.spec_from_file_location("tests", sys.argv[1])
tests = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tests)
with process_group(torch.device("cpu")):
    numbers = tests.three_steps()
    if rank() == 0:
        print(json.dumps(numbers))
"""


def three_steps():
    """Train on the same 7 pairs, of which two have the same caption; return what was measured."""
    images, captions = named_images(6)
    rows = [0, 1, 2, 4, 6, 8, 10]
    torch.manual_seed(0)
    clip = CLIP(TINY).double()
    batch = CLIPBatch(local_rows(images[rows].double()), local_rows(captions[rows]))
    records = list(train(clip, lambda step: [batch], clip_loss, LoopConfig(3, 1e-2)))
    measured = [[record.loss, record.grad_norm] for record in records]
    weights = [clip.log_scale.item(), *clip.caption_tower.projection[0].tolist()]
    return measured, weights


@pytest.mark.skipif(sys.platform == "win32", reason="gloo on posix")
@pytest.mark.slow
def test_two_processes_take_the_same_steps_as_one():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    group = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    environment = os.environ | group | {"OMP_NUM_THREADS": "1"}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", DRIVER, __file__],
            env=environment | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
        )
        for rank in range(2)
    ]
    measured, weights = three_steps()
    first, _ = (process.communicate(timeout=SECONDS)[0] for process in started)
    assert [process.returncode for process in started] == [0, 0]
    of_two, weights_of_two = json.loads(first)
    pairs = [*zip(of_two, measured, strict=True), (weights_of_two, weights)]
    for numbers_of_two, numbers in pairs:
        assert numbers_of_two == pytest.approx(numbers, rel=1e-9)
