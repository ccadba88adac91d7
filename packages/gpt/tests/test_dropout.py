import pytest
import torch

from gpt.model.dropout import Dropout, dropout


def test_dropout_zeroes_its_share_and_keeps_the_mean():
    out = dropout(torch.ones(100_000), 0.3, torch.Generator().manual_seed(0))
    assert out.unique().tolist() == [0, pytest.approx(1 / 0.7)]
    # three standard errors of a share over 100,000 draws: 3 sqrt(.3 * .7 / 100000) = .0043
    assert (out == 0).float().mean() == pytest.approx(0.3, abs=0.0044)
    assert out.mean() == pytest.approx(1, abs=0.0044 / 0.7)


def test_dropout_acts_in_training_only():
    layer, x = Dropout(0.5), torch.ones(1000)
    assert (layer(x) == 0).any()
    torch.testing.assert_close(layer.eval()(x), x)
