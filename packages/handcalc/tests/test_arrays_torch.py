"""The arrays against PyTorch, in float64."""

import pytest

pytest.importorskip("numpy", reason="numpy: needs the extra numpy")
pytest.importorskip("torch", reason="baselines: needs the extra baselines")

import numpy as np
import torch
from numpy.testing import assert_allclose

from handcalc.arrays.attention import attention, causal_mask, padding_mask
from handcalc.arrays.encoder_decoder import EncoderDecoder, encoder_decoder
from handcalc.arrays.feed_forward import FeedForward, gelu, relu
from handcalc.arrays.heads import Heads, multi_head_attention
from handcalc.arrays.layers import Norm, layer_norm
from handcalc.arrays.loss import cross_entropy
from handcalc.arrays.positions import sinusoids
from handcalc.arrays.post_norm import Attention, DecoderBlock, EncoderBlock, Mlp

F = torch.nn.functional
pytestmark = pytest.mark.baselines


def close(found, expected):
    assert_allclose(found, expected.detach().numpy(), rtol=0, atol=1e-10)


def leaf(array):
    return torch.tensor(array, requires_grad=True)


def leaves(weights):
    """Return all arrays of a bundle of weights."""
    if not isinstance(weights, tuple):
        return [weights]
    return [array for part in weights for array in leaves(part)]


def test_attention_equals_the_kernel_of_torch():
    random = np.random.default_rng(1)
    q, o_grad = random.normal(size=(2, 2, 3, 4, 5))
    k, v = random.normal(size=(2, 2, 3, 6, 5))
    mask = random.random(size=(2, 1, 4, 6)) < 0.5
    mask[0, 0, 1] = False  # a query that may look nowhere
    bias = random.normal(size=(3, 4, 6))
    o, back = attention(q, k, v, mask, bias)
    tensors = [leaf(each) for each in (q, k, v)]
    added = torch.tensor(np.where(mask, bias, -np.inf))
    theirs = F.scaled_dot_product_attention(*tensors, attn_mask=added)
    close(o, theirs)
    theirs.backward(torch.tensor(o_grad))
    for found, tensor in zip(back(o_grad), tensors, strict=True):
        close(found, tensor.grad)


def bundle(module, n_heads, what):
    """Return the weights of a MultiheadAttention, or their gradients."""
    w_q, w_k, w_v = what(module.in_proj_weight).chunk(3)
    split = [w.reshape(n_heads, -1, w.shape[1]).numpy() for w in (w_q, w_k, w_v)]
    output = what(module.out_proj.weight)
    return Heads(*split, output.reshape(len(output), n_heads, -1).numpy())


def weight(parameter):
    return parameter.detach()


def gradient(parameter):
    return parameter.grad


def test_several_heads_equal_those_of_torch():
    torch.manual_seed(2)
    random = np.random.default_rng(2)
    theirs = torch.nn.MultiheadAttention(6, 3, bias=False, batch_first=True, dtype=torch.float64)
    x, y, m_grad = (random.normal(size=(2, n, 6)) for n in (4, 5, 4))
    mask = np.tri(4, 5, dtype=bool) & padding_mask(np.array([5, 2]), 5)
    m, back = multi_head_attention(x, y, bundle(theirs, 3, weight), mask)
    rows = leaf(x), leaf(y)
    hidden = {"key_padding_mask": torch.tensor(~padding_mask(np.array([5, 2]), 5)[:, 0])}
    hidden["attn_mask"] = torch.tensor(~np.tri(4, 5, dtype=bool))
    expected, _ = theirs(rows[0], rows[1], rows[1], **hidden)
    close(m, expected)
    expected.backward(torch.tensor(m_grad))
    x_grad, y_grad, w_grad = back(m_grad)
    close(x_grad, rows[0].grad)
    close(y_grad, rows[1].grad)
    for found, by_torch in zip(w_grad, bundle(theirs, 3, gradient), strict=True):
        assert_allclose(found, by_torch, rtol=0, atol=1e-10)


def test_layers_equal_those_of_torch():
    random = np.random.default_rng(3)
    x, upstream = random.normal(size=(2, 2, 3, 5))
    w = Norm(*random.normal(size=(2, 5)))
    targets, keep = random.integers(5, size=(2, 3)), np.array([[1, 1, 0], [0, 1, 1]], dtype=bool)
    for ours, theirs in (
        (relu, F.relu),
        (gelu, lambda x: F.gelu(x, approximate="tanh")),
        (lambda x: layer_norm(x, w), lambda x: F.layer_norm(x, (5,), *map(torch.tensor, w))),
    ):
        (y, back), tensor = ours(x), leaf(x)
        expected = theirs(tensor)
        close(y, expected)
        expected.backward(torch.tensor(upstream))
        found = back(upstream)
        close(found[0] if isinstance(found, tuple) else found, tensor.grad)
    loss, back = cross_entropy(x, targets, keep)
    tensor = leaf(x)
    expected = F.cross_entropy(tensor[torch.tensor(keep)], torch.tensor(targets[keep]))
    close(loss, expected)
    expected.backward()
    close(back(), tensor.grad)


def encoder_decoder_of(theirs, table, n_heads, what):
    """Return the weights of a torch.nn.Transformer and a table, or their gradients."""

    def array(parameter):
        return what(parameter).numpy()

    def norm(module):
        return Norm(array(module.weight), array(module.bias))

    def attention(module, its_norm):
        return Attention(bundle(module, n_heads, what), norm(its_norm))

    def mlp(block, its_norm):
        matrices = (
            array(each) for each in (*block.linear1.parameters(), *block.linear2.parameters())
        )
        return Mlp(FeedForward(*matrices), norm(its_norm))

    encoder = tuple(
        EncoderBlock(attention(block.self_attn, block.norm1), mlp(block, block.norm2))
        for block in theirs.encoder.layers
    )
    decoder = tuple(
        DecoderBlock(
            attention(block.self_attn, block.norm1),
            attention(block.multihead_attn, block.norm2),
            mlp(block, block.norm3),
        )
        for block in theirs.decoder.layers
    )
    return EncoderDecoder(array(table), encoder, decoder)


@pytest.mark.parametrize("added", [sinusoids, lambda *shape: np.zeros(shape)])
def test_the_encoder_decoder_equals_that_of_torch(added):
    torch.manual_seed(4)
    random = np.random.default_rng(4)
    theirs = torch.nn.Transformer(
        8, 2, 2, 2, 12, dropout=0.0, activation="relu", batch_first=True, norm_first=False,
        dtype=torch.float64,
    )  # fmt: skip
    theirs.encoder.norm = theirs.decoder.norm = None
    for parameter in theirs.parameters():  # gains and offsets too; those of attention stay 0
        parameter.data += 0.1 * torch.randn_like(parameter)
    for name, parameter in theirs.named_parameters():
        if "attn" in name and name.endswith("bias"):
            parameter.data.zero_()
    table = leaf(random.normal(size=(7, 8)))
    w = encoder_decoder_of(theirs, table, 2, weight)
    source, target = random.integers(7, size=(3, 5)), random.integers(7, size=(3, 4))
    source_keep, target_keep = (
        padding_mask(np.array(lengths), n) for lengths, n in (([5, 2, 4], 5), ([1, 4, 3], 4))
    )
    upstream = random.normal(size=(3, 4, 7))

    target_mask = causal_mask(4) & target_keep
    logits, back = encoder_decoder(source, target, w, source_keep, target_mask, added)

    rows = [
        8**0.5 * table[torch.tensor(text)] + torch.tensor(added(text.shape[1], 8))
        for text in (source, target)
    ]
    hidden = torch.tensor(~source_keep[:, 0])
    outputs = theirs(
        *rows,
        tgt_mask=torch.tensor(~causal_mask(4)),
        src_key_padding_mask=hidden,
        memory_key_padding_mask=hidden,
        tgt_key_padding_mask=torch.tensor(~target_keep[:, 0]),
    )
    expected = outputs @ table.T
    close(logits, expected)
    expected.backward(torch.tensor(upstream))
    found, by_torch = leaves(back(upstream)), leaves(encoder_decoder_of(theirs, table, 2, gradient))
    assert len(found) == 1 + 2 * (4 + 2 + 4 + 2) + 2 * (4 + 2 + 4 + 2 + 4 + 2)
    for ours, each in zip(found, by_torch, strict=True):
        assert_allclose(ours, each, rtol=0, atol=1e-10)
