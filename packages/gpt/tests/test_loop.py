import math
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from gpt import device
from gpt.errors import BadInput, RunFailed
from gpt.evaluation.scores import negative_log_likelihoods
from gpt.model.gpt import GPT, GPTConfig
from gpt.runs.checkpoints import newest_checkpoint
from gpt.runs.state import TrainingState, warm_up_decay
from gpt.text.token_files import RandomWindows, micro_batches
from gpt.training import loop
from gpt.training.accumulation import GradientAccumulator, LossSum, next_token_loss
from gpt.training.loop import LoopConfig, train
from gpt.training.optimizer import make_optimizer

CONFIG = LoopConfig(steps=8, learning_rate=1e-2, save_every=4)
TOKENS = np.random.default_rng(0).integers(0, 20, 500).astype(np.uint16)
WINDOWS = RandomWindows(TOKENS, context=8, batch_size=4, seed=0)


def new_model(dropout=0.1):
    torch.manual_seed(0)
    return GPT(GPTConfig(20, 8, 1, 2, 8, 16, dropout=dropout))


def batches(step):
    return micro_batches(WINDOWS(step), 3)


def validate(model):
    return float(negative_log_likelihoods(model, TOKENS[:50], 8).mean())


def weights(model):
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def run(config, **keywords):
    model = new_model()
    return model, list(train(model, batches, next_token_loss, config, validate, **keywords))


def test_one_step_is_adamw_on_the_clipped_gradient_of_the_full_batch():
    config = replace(CONFIG, steps=1, max_grad_norm=0.05, warmup_ratio=0.0)
    ours = new_model(dropout=0.0)
    (record,) = train(ours, batches, next_token_loss, config)
    theirs = new_model(dropout=0.0)
    decayed = [p for p in theirs.parameters() if p.ndim == 2]
    kept = [p for p in theirs.parameters() if p.ndim == 1]
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": kept, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-2, betas=(0.9, 0.95))
    batch = WINDOWS(0)
    loss = nn.functional.cross_entropy(theirs(batch.tokens).flatten(0, 1), batch.targets.flatten())
    loss.backward()
    norm = nn.utils.clip_grad_norm_(theirs.parameters(), 0.05)
    optimizer.step()
    assert record.loss == pytest.approx(loss.item(), rel=1e-5)
    assert record.grad_norm == pytest.approx(norm.item(), rel=1e-4) and record.grad_norm > 0.05
    torch.testing.assert_close(weights(ours), weights(theirs), rtol=1e-4, atol=1e-6)


def test_every_learning_rate_follows_the_schedule_from_its_own_peak():
    config = LoopConfig(
        100, optimizer="muon", learning_rate=3e-3, muon_learning_rate=0.02, warmup_ratio=0.1
    )
    model = new_model()
    optimizer = make_optimizer(model, config)
    state = TrainingState(model, optimizer, torch.amp.GradScaler("cpu", enabled=False), 0.0)
    state.step = 4
    gradient = GradientAccumulator(model, state.scaler)
    for batch in gradient.micro_batches(batches(0)):
        gradient.backward(next_token_loss(model, batch))
    loop.update_weights(state, gradient, config)
    rates = {group["lr"] for group in optimizer.param_groups}
    assert rates == {0.5 * 0.02, 0.5 * 3e-3}
    assert config.schedule_factor(4) * config.learning_rate == 0.5 * 3e-3


def test_two_runs_are_identical_to_the_bit():
    (one, records), (two, again) = run(CONFIG), run(CONFIG)
    assert records == again
    assert torch.equal(weights(one), weights(two))


def test_validation_comes_every_so_many_steps_and_at_the_end():
    _, records = run(replace(CONFIG, steps=6))
    assert [r.step for r in records if r.validation is not None] == [4, 6]
    assert [r.step for r in records] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("stop", [1, 3, 4, 7])
@pytest.mark.parametrize("changes", [{}, {"ema_decay": 0.9}, {"optimizer": "muon"}])
def test_stopped_anywhere_and_resumed_it_ends_in_the_same_bits(stop, changes, tmp_path):
    config = replace(CONFIG, **changes)
    whole, records = run(config, folder=tmp_path / "whole")
    first = new_model()
    with closing(
        train(first, batches, next_token_loss, config, validate, folder=tmp_path / "cut")
    ) as steps:
        for record in steps:
            if record.step == stop:
                break
    torch.rand(100)  # other code draws random numbers meanwhile
    checkpoint, _ = newest_checkpoint(tmp_path / "cut")
    assert checkpoint.values["step"] == stop
    second = GPT(first.config)
    rest = list(
        train(
            second, batches, next_token_loss, config, validate, checkpoint, folder=tmp_path / "cut"
        )
    )
    assert rest == records[stop:]
    assert torch.equal(weights(second), weights(whole))
    ends = [newest_checkpoint(tmp_path / name)[0] for name in ("whole", "cut")]
    assert ends[0].values == ends[1].values
    for name, tensor in ends[0].tensors.items():
        assert torch.equal(tensor, ends[1].tensors[name]), name


def test_a_checkpoint_of_another_shape_is_refused(tmp_path):
    run(CONFIG, folder=tmp_path)
    checkpoint, _ = newest_checkpoint(tmp_path)
    wider = GPT(GPTConfig(20, 8, 1, 2, 16, 16))
    with pytest.raises(BadInput, match=r"another model: .* has shape \(.*\), and this model needs"):
        next(train(wider, batches, next_token_loss, CONFIG, start=checkpoint))


def test_a_loss_that_is_not_finite_stops_before_the_update():
    model = new_model()
    before = weights(model)

    def broken(model, batch):
        return LossSum(next_token_loss(model, batch).total * math.inf, 1)

    with pytest.raises(RunFailed, match="step 1: loss .* not finite at learning rate 0.01"):
        next(train(model, batches, broken, CONFIG))
    assert torch.equal(weights(model), before)


def test_patience_ends_a_run_that_stops_improving():
    losses = iter([3.0, 2.0, 2.5, 2.0, 1.0])
    config = replace(CONFIG, steps=100, save_every=1, patience=2)
    records = list(train(new_model(), batches, next_token_loss, config, lambda _: next(losses)))
    assert [record.validation for record in records] == [3.0, 2.0, 2.5, 2.0]


def test_the_average_follows_the_weights(tmp_path):
    config = replace(CONFIG, steps=2, ema_decay=0.2)  # 2/11 at the first step, then 0.2
    model = new_model()
    path = [weights(model)]
    for _ in train(model, batches, next_token_loss, config, folder=tmp_path):
        path.append(weights(model))
    average = 0.2 * (2 / 11 * path[0] + 9 / 11 * path[1]) + 0.8 * path[2]
    tensors = newest_checkpoint(tmp_path)[0].tensors
    names = [name for name, _ in model.named_parameters()]
    saved = torch.cat([tensors[f"model.{name}"].flatten() for name in names])
    torch.testing.assert_close(saved, average)


def test_the_decay_of_the_average_grows():
    decays = [warm_up_decay(0.9, step) for step in (1, 8, 80, 1000)]
    assert decays == pytest.approx([2 / 11, 9 / 18, 0.9, 0.9])


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_formats_train_about_as_well(precision):
    windows = RandomWindows(np.tile(np.arange(10, dtype=np.uint16), 20), 8, 8, seed=0)

    def losses(precision):
        config = LoopConfig(steps=40, learning_rate=2e-2, precision=precision)
        records = list(train(new_model(0.0), lambda s: [windows(s)], next_token_loss, config))
        assert all(math.isfinite(record.grad_norm) for record in records)  # no step was skipped
        return [record.loss for record in records]

    full, half = losses("fp32"), losses(precision)
    assert full[-1] < full[0] / 2
    assert half == pytest.approx(full, abs=0.05)
    assert half != full


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_training_overfits_a_small_text(optimizer):
    tokens = np.tile(np.arange(10, dtype=np.uint16), 20)
    windows = RandomWindows(tokens, 8, 8, seed=0)
    config = LoopConfig(steps=100, learning_rate=2e-2, optimizer=optimizer)
    records = list(train(new_model(0.0), lambda step: [windows(step)], next_token_loss, config))
    assert records[-1].loss < 0.2  # ln 20 = 3.0 at the start


def test_without_a_compiler_the_model_trains_uncompiled_with_a_warning(monkeypatch):
    monkeypatch.setattr(device.shutil, "which", lambda name: None)
    with pytest.warns(UserWarning, match="no C\\+\\+ compiler found"):
        _, records = run(replace(CONFIG, compile=True, steps=2))
    assert records == run(replace(CONFIG, steps=2))[1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"seed": -1}, r"seed must lie in \[0, 2\^63\), got -1"),
        ({"seed": 2**63}, "seed must lie in"),
        ({"ema_decay": 1.0}, r"ema_decay must lie in \[0, 1\), got 1.0"),
        ({"learning_rate": 0.0}, "learning_rate must be a positive number, got 0.0"),
        ({"learning_rate": math.nan}, "learning_rate must be a positive number, got nan"),
        ({"warmup_ratio": 1.5}, r"warmup_ratio must lie in \[0, 1\], got 1.5"),
        ({"beta2": 1.0}, r"beta2 must lie in \[0, 1\), got 1.0"),
    ],
)
def test_numbers_out_of_range_are_refused(changes, message):
    with pytest.raises(BadInput, match=message):
        LoopConfig(**changes)


def test_the_loop_fits_a_line_to_points():
    """The loop knows nothing about tokens."""
    line = nn.Linear(1, 1)
    x = torch.linspace(-1, 1, 32)[:, None]

    def squared_error(model, points):
        return LossSum((model(points) - (3 * points + 1)).square().sum(), len(points))

    config = LoopConfig(steps=300, learning_rate=0.1, weight_decay=0.0)
    list(train(line, lambda step: x.split(5), squared_error, config))
    assert line.weight.item() == pytest.approx(3, abs=1e-2)
    assert line.bias.item() == pytest.approx(1, abs=1e-2)


def test_frozen_weights_stay_and_are_not_saved_and_a_resumed_run_ends_the_same(tmp_path):
    def half_frozen():
        model = new_model()
        model.embedding.requires_grad_(False)
        return model

    whole = half_frozen()
    before = whole.embedding.weight.clone()
    list(train(whole, batches, next_token_loss, CONFIG))
    parts = half_frozen()
    with closing(train(parts, batches, next_token_loss, CONFIG, folder=tmp_path)) as records:
        while next(records).step < 4:
            pass
    start, _ = newest_checkpoint(tmp_path)
    assert not any("embedding" in name for name in start.tensors)
    resumed = half_frozen()
    list(train(resumed, batches, next_token_loss, CONFIG, start=start))
    assert torch.equal(weights(resumed), weights(whole))
    assert torch.equal(whole.embedding.weight, before)
