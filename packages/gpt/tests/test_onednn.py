import pytest
import torch
import torch.nn.functional as F

from gpt.model.fast import linear, onednn
from gpt.model.fast.linear import FastLinear, fast_linear, fast_weight_gradient
from gpt.model.fast.onednn import LinearByOneDNN, processor_prefers_onednn, weight_gradient

pytestmark = pytest.mark.skipif(
    not torch.backends.mkldnn.is_available(), reason="this torch has no oneDNN"
)


@pytest.mark.parametrize("sizes", [(24, 40), (40, 24)], ids=str)
@pytest.mark.parametrize("bias", [False, True])
def test_values_and_gradients_are_those_of_torch(bias, sizes):
    d, n = sizes
    x, weight, offset = torch.randn(3, 5, d), torch.randn(n, d), torch.randn(n)
    given = [each.requires_grad_() for each in (x, weight, offset)]
    arguments = given if bias else [*given[:2], None]
    upstream = torch.randn(3, 5, n)
    y, expected = LinearByOneDNN.apply(*arguments), F.linear(*arguments)
    torch.testing.assert_close(y, expected, rtol=0, atol=1e-4)
    found, wanted = (
        torch.autograd.grad(each, given[: 2 + bias], upstream) for each in (y, expected)
    )
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-4)


def test_frozen_inputs_get_no_gradient():
    x, weight = torch.randn(5, 8), torch.randn(6, 8, requires_grad=True)
    LinearByOneDNN.apply(x, weight, None).sum().backward()
    assert x.grad is None and weight.grad is not None


@pytest.mark.parametrize("sizes", [(7, 3, 5), (7, 5, 3)], ids=str)
def test_the_gradient_of_the_weight_is_a_product_either_way_round(sizes):
    m, n, d = sizes
    g, x = torch.randn(m, n), torch.randn(m, d)
    torch.testing.assert_close(weight_gradient(g, x), g.T @ x, rtol=0, atol=1e-5)
    torch.testing.assert_close(fast_weight_gradient(g, x), g.T @ x, rtol=0, atol=1e-5)


def test_only_large_fp32_products_are_computed_by_it(monkeypatch):
    calls = []
    for module in (linear, onednn):
        monkeypatch.setattr(
            module, "product_by_onednn", lambda *given: calls.append(given) or F.linear(*given)
        )
    monkeypatch.setattr(onednn, "processor_prefers_onednn", lambda: True)
    layer, x = FastLinear(128, 128), torch.randn(1, 64, 128)
    assert x.numel() * 128 == onednn.MANY_PRODUCTS
    with torch.inference_mode():
        layer(x)
        assert len(calls) == 1
        layer(x[:, :63])  # a small product
        fast_linear(x.double(), layer.weight.double())
        fast_linear(x.bfloat16(), layer.weight.bfloat16())
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert layer(x).dtype == torch.bfloat16
    assert len(calls) == 1
    layer(x.requires_grad_()).sum().backward()  # training: three products
    assert len(calls) == 4
    monkeypatch.setattr(onednn, "processor_prefers_onednn", lambda: False)
    layer(x)
    assert len(calls) == 4


@pytest.mark.parametrize("name", ["Intel(R) Xeon(R)", "AMD EPYC"])
@pytest.mark.parametrize("has_avx512", [False, True])
def test_amds_processors_with_avx_512_prefer_it(name, has_avx512, monkeypatch):
    found = {"cpu_name": name, "avx512_f": has_avx512}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found, raising=False)
    expected = has_avx512 and name == "AMD EPYC"
    assert processor_prefers_onednn.__wrapped__() == expected
