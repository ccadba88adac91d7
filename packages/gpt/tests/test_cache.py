import pytest
import torch

from gpt.errors import BadInput
from gpt.model.cache import cache_bytes
from gpt.model.gpt import GPT, GPTConfig

SCHEMES = ["learned", "sinusoidal", "rotary", "alibi", "t5", "none"]


def model_of(positions, n_kv_heads):
    """Build a model whose large weights let an error of position or mask show in every logit."""
    shape = {"vocab_size": 40, "context": 24, "n_layers": 2, "n_heads": 6, "d_model": 24}
    model = GPT(GPTConfig(**shape, d_ff=32, positions=positions, n_kv_heads=n_kv_heads)).double()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model


def read(model, tokens, chunks, cache):
    return torch.cat([model(part, cache=cache) for part in tokens.split(chunks, dim=1)], dim=1)


@torch.no_grad()
@pytest.mark.parametrize("positions", SCHEMES)
@pytest.mark.parametrize("n_kv_heads", [6, 2, 1])
@pytest.mark.parametrize("chunks", [[20], [1] * 20, [7] + [1] * 13, [5, 6, 1, 8]], ids=str)
def test_cached_logits_equal_uncached_ones_at_every_position(positions, n_kv_heads, chunks):
    model, tokens = model_of(positions, n_kv_heads), torch.randint(0, 40, (3, 20))
    cached = read(model, tokens, chunks, model.cache(3, 20))
    torch.testing.assert_close(cached, model(tokens), rtol=0, atol=1e-10)


@torch.no_grad()
@pytest.mark.parametrize("positions", SCHEMES)
@pytest.mark.parametrize("n_kv_heads", [6, 2])
@pytest.mark.parametrize("chunks", [[20], [9] + [1] * 11, [4, 6, 10]], ids=str)
def test_rows_of_different_lengths_are_read_as_without_the_others(positions, n_kv_heads, chunks):
    model, padding = model_of(positions, n_kv_heads), [0, 5, 8]
    tokens = torch.randint(0, 40, (3, 20))
    cached = read(model, tokens, chunks, model.cache(3, 20, torch.tensor(padding)))
    for row, n in enumerate(padding):
        alone = model(tokens[row : row + 1, n:])
        torch.testing.assert_close(cached[row : row + 1, n:], alone, rtol=0, atol=1e-10)


@torch.no_grad()
def test_a_cache_may_be_read_further_than_the_context_where_positions_allow_it():
    model, tokens = model_of("alibi", 2), torch.randint(0, 40, (1, 60))
    cached = read(model, tokens, [30] * 2, model.cache(1, 60))
    torch.testing.assert_close(cached, model(tokens), rtol=0, atol=1e-10)


@torch.no_grad()
@pytest.mark.parametrize("positions", SCHEMES)
@pytest.mark.parametrize("rows", [[2, 0], [1], [0, 0, 1, 2, 2, 2]], ids=str)
def test_selected_rows_are_read_on_as_if_they_had_been_there_from_the_start(positions, rows):
    model, padding, rows = model_of(positions, 2), torch.tensor([0, 5, 8]), torch.tensor(rows)
    past, new = torch.randint(0, 40, (3, 12)), torch.randint(0, 40, (len(rows), 8))
    cache, expected = (model.cache(len(each), 20, each) for each in (padding, padding[rows]))
    model(past, cache=cache)
    model(past[rows], cache=expected)
    cache.select_rows(rows)
    found = read(model, new, [3, 1, 4], cache)
    torch.testing.assert_close(found, read(model, new, [3, 1, 4], expected), rtol=0, atol=1e-10)


def test_more_tokens_than_slots_are_refused():
    model = model_of("rotary", 6)
    with pytest.raises(BadInput, match="9 tokens do not fit into a cache of 8 slots"):
        model(torch.zeros(1, 9, dtype=torch.long), cache=model.cache(1, 8))


def test_a_cache_of_gpt3_takes_9_4_megabytes_per_token():
    gpt3 = {"n_layers": 96, "n_kv_heads": 96, "d_head": 128}
    assert cache_bytes(1, **gpt3) == 4 * 2_359_296  # 9.4 MB
    assert cache_bytes(2048, **gpt3) == 19_327_352_832  # 19.3 GB
    assert cache_bytes(2048, **{**gpt3, "n_kv_heads": 8}, bytes_per_number=2) == 805_306_368


def test_the_slots_take_the_calculated_memory():
    model = model_of("rotary", 2)
    cache = model.cache(3, 10)
    held = sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers)
    assert held == cache_bytes(10, 2, 2, 4, batch_size=3, bytes_per_number=8)
