"""The time as a vector."""

import math

import torch

from diffusion.model.time_embedding import TimeEmbedding, time_features


def test_features_of_a_few_numbers_worked_by_hand():
    # four features: frequencies 1 and 1/10000, of 1000 t = 2
    found = time_features(torch.tensor([0.002]), 4)
    expected = [[math.cos(2), math.cos(2e-4), math.sin(2), math.sin(2e-4)]]
    torch.testing.assert_close(found, torch.tensor(expected))


def test_two_times_a_fiftieth_apart_have_different_features():
    features = time_features(torch.arange(51) / 50)
    distances = torch.cdist(features, features) + 100 * torch.eye(51)
    assert distances.min() > 3  # a length is sqrt(128) = 11


def test_the_embedding_of_16_bit_weights_has_16_bits():
    layer = TimeEmbedding(8).bfloat16()
    assert layer(torch.rand(3)).dtype == torch.bfloat16
