import dataclasses

import torch

from diffusion.flow.mixture import ring, velocity_error
from diffusion.model.flow_model import FlowModelConfig
from diffusion.model.point_network import PointNetworkConfig
from diffusion.training.examples import ring_examples
from diffusion.training.fit import fit_flow
from diffusion.training.options import TrainConfig
from gpt.training.config import LoopConfig

LOOP = LoopConfig(steps=60, learning_rate=5e-3, weight_decay=0.0)
CONFIG = TrainConfig(condition="none", times="uniform", drop_rate=0.0, loop=LOOP)


def fit(config, n_steps=None):
    torch.manual_seed(0)
    model = FlowModelConfig(PointNetworkConfig(2, 32, 2)).build()
    records = fit_flow(model, ring_examples("none").train, config)
    return model, [record.loss for record, _ in zip(records, range(n_steps or 60), strict=False)]


def error(model):
    generator = torch.Generator().manual_seed(1)
    return velocity_error(model, ring(), 0.2, 2_000, model.null, generator)


def test_the_velocity_comes_closer_to_the_true_one():
    untrained, _ = fit(CONFIG, 1)
    trained, losses = fit(CONFIG)
    assert len(losses) == 60 and sum(losses[-10:]) < 0.85 * sum(losses[:10])
    assert error(trained) < 0.4 * error(untrained)


def test_micro_batches_do_not_change_the_losses():
    _, whole = fit(CONFIG, 4)
    _, halves = fit(dataclasses.replace(CONFIG, micro_batch_size=64), 4)
    torch.testing.assert_close(torch.tensor(whole), torch.tensor(halves), rtol=1e-5, atol=0)
