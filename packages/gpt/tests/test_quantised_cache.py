import copy

import pytest
import torch
from torch import nn

from gpt.generation.generate import generate_batch
from gpt.generation.sampling import greedy_token
from gpt.model.cache import cache_bytes
from gpt.model.config import GPTConfig
from gpt.model.gpt import GPT
from gpt.quantisation.cache import quantise_cache, quantised_layer_cache, stored_cache_bytes


def small_model(positions="rotary"):
    shape = {"vocab_size": 40, "context": 24, "n_layers": 2, "n_heads": 4, "n_kv_heads": 2}
    model = GPT(GPTConfig(**shape, d_model=64, d_ff=64, positions=positions)).eval()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.15)
    return model


def test_a_token_by_hand():
    cache = quantised_layer_cache(1, 1, 4, 2, torch.zeros(1))
    first = cache.extend(torch.tensor([[[[127.0, -3.4]]]]), torch.tensor([[[[254.0, 5.0]]]]))
    assert [each.tolist() for each in first] == [[[[[127.0, -3.0]]]], [[[[254.0, 4.0]]]]]
    keys, values = cache.extend(torch.ones(1, 1, 2, 2), torch.ones(1, 1, 2, 2))
    assert keys[0, 0, 0].tolist() == [127.0, -3.0] and keys.shape == values.shape == (1, 1, 3, 2)


@torch.no_grad()
@pytest.mark.parametrize("positions", ["rotary", "alibi", "learned"])
@pytest.mark.parametrize("chunks", [20, 1, 7])
def test_logits_stay_close_to_those_of_a_cache_of_floats(positions, chunks):
    model, tokens = small_model(positions), torch.randint(0, 40, (2, 20))
    plain = model(tokens)
    cache = quantise_cache(model).cache(2, 20)
    found = [model(part, cache=cache) for part in tokens.split(chunks, dim=1)]
    error = (torch.cat(found, dim=1) - plain).pow(2).mean().sqrt() / plain.std()
    assert 0 < error < 0.02


def test_no_stored_number_moves_by_more_than_half_a_step():
    cache, k, v = quantised_layer_cache(3, 2, 9, 16, torch.zeros(1)), *torch.randn(2, 3, 2, 9, 16)
    for x, stored in zip((k, v), cache.extend(k, v), strict=True):
        steps = x.abs().amax(-1, keepdim=True) / 127
        assert ((stored - x).abs() <= steps * 0.5 * (1 + 2**-8)).all()  # the scale is rounded too


def test_the_slots_take_a_little_more_than_a_quarter_of_the_memory():
    plain, quantised = small_model(), quantise_cache(small_model())
    assert stored_cache_bytes(plain.cache(3, 10)) == cache_bytes(10, 2, 2, 16, batch_size=3)
    expected = cache_bytes(10, 2, 2, 16 + 2, batch_size=3, bytes_per_number=1)  # a scale: 2 bytes
    assert stored_cache_bytes(quantised.cache(3, 10)) == expected


def test_texts_of_a_batch_leave_and_copies_part_as_with_floats():
    model = small_model()
    prompts = [[1, 2, 3], [4, 5], [1, 2, 3], [7]]
    together = generate_batch(quantise_cache(copy.deepcopy(model)), prompts, 8, greedy_token)
    alone = [generate_batch(quantise_cache(model), [each], 8, greedy_token)[0] for each in prompts]
    assert together == alone
