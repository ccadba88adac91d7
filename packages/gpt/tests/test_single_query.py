import pytest
import torch

from gpt.model.attention import attention, fused_attention
from gpt.model.cache import LayerCache
from gpt.model.fast import single_query
from gpt.model.fast.single_query import (
    FastLayerCache,
    fast_attention,
    fast_layer_cache,
    single_query_attention,
)

KEPT = torch.tensor([[True, True, False, True], [False] * 4, [True] * 4])[:, None, None]
MASKS = [None, KEPT, torch.randn(3, 1, 1, 4).double()]


def numbers(*shape):
    return torch.randn(shape, dtype=torch.float64)


@pytest.mark.parametrize("n_kv_heads", [6, 2, 1])
@pytest.mark.parametrize("mask", MASKS, ids=["causal", "boolean", "numbers"])
@pytest.mark.parametrize("transposed", [False, True])
def test_values_are_those_of_attention(mask, n_kv_heads, transposed):
    q, v = numbers(3, 6, 1, 5), numbers(3, n_kv_heads, 4, 5)
    k = numbers(3, n_kv_heads, 5, 4).mT if transposed else numbers(3, n_kv_heads, 4, 5)
    found = single_query_attention(q, k, v, mask)
    repeated = [each.repeat_interleave(6 // n_kv_heads, dim=1) for each in (k, v)]
    everything = torch.ones(1, 1, 1, 4, dtype=torch.bool)
    if mask is None:
        expected = attention(q, *repeated, everything)
    elif mask.dtype == torch.bool:
        expected = attention(q, *repeated, mask)
    else:
        expected = attention(q, *repeated, everything, mask)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_a_query_without_any_key_gets_zeros():
    found = single_query_attention(
        numbers(3, 2, 1, 5), numbers(3, 2, 4, 5), numbers(3, 2, 4, 5), KEPT
    )
    assert not found[1].any() and found[0].all()


def test_it_is_used_without_gradients_and_for_one_query_only(monkeypatch):
    calls = []
    monkeypatch.setattr(
        single_query,
        "single_query_attention",
        lambda *given: calls.append(given) or fused_attention(*given),
    )
    q, v = numbers(3, 2, 4, 5), numbers(3, 2, 4, 5)
    k = numbers(3, 2, 5, 4).mT
    with torch.no_grad():
        fast_attention(q[:, :, :1], k, v)
        assert len(calls) == 1
        found = fast_attention(q, k, v)
        torch.testing.assert_close(found, fused_attention(q, k, v), rtol=0, atol=1e-12)
        fast_attention(q[:, :, :1], k.contiguous(), v)
        fast_attention(q[:, :, :1].bfloat16(), k.bfloat16(), v.bfloat16())
    q.requires_grad_()
    (found,) = torch.autograd.grad(fast_attention(q[:, :, :1], k, v).sum(), q)
    (expected,) = torch.autograd.grad(fused_attention(q[:, :, :1], k, v).sum(), q)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    assert len(calls) == 1


@pytest.mark.parametrize("rows", [[1, 0], [1] * 9, [0] * 4 + [1] * 4], ids=str)
@pytest.mark.parametrize("n_rows", [2, 8])
def test_the_cache_returns_what_the_plain_one_does_however_its_keys_are_stored(n_rows, rows):
    plain = LayerCache(numbers(n_rows, 3, 6, 5), numbers(n_rows, 3, 6, 5))
    fast = fast_layer_cache(n_rows, 3, 6, 5, like=numbers(1))
    assert isinstance(fast, FastLayerCache)
    assert fast.keys.mT.is_contiguous() == (n_rows == 8)
    for batch_size, length in ((n_rows, 3), (len(rows), 1), (len(rows), 2)):
        k, v = numbers(batch_size, 3, length, 5), numbers(batch_size, 3, length, 5)
        for expected, found in zip(plain.extend(k, v), fast.extend(k, v), strict=True):
            assert torch.equal(expected, found)
        if length == 3:
            plain.select_rows(torch.tensor(rows))
            fast.select_rows(torch.tensor(rows))
            assert fast.keys.mT.is_contiguous() == (len(rows) >= 8)


def test_half_formats_have_a_plain_cache():
    cache = fast_layer_cache(8, 3, 6, 5, like=torch.zeros(1, dtype=torch.bfloat16))
    assert type(cache) is LayerCache and cache.keys.is_contiguous()
    assert cache.keys.dtype == torch.bfloat16
