"""Two models on arrays: against the lists, by finite differences, with masked tokens changed."""

from functools import partial

import pytest

pytest.importorskip("numpy", reason="numpy: needs the extra numpy")

import numpy as np
from numpy.testing import assert_allclose

from handcalc.arrays.attention import causal_mask, padding_mask
from handcalc.arrays.encoder_decoder import EncoderDecoder, encoder_decoder
from handcalc.arrays.feed_forward import FeedForward
from handcalc.arrays.gpt import GPT, Block, gpt, gpt_step
from handcalc.arrays.heads import Heads
from handcalc.arrays.layers import Norm
from handcalc.arrays.loss import cross_entropy
from handcalc.arrays.positions import (
    Positions,
    alibi_bias,
    learned_rows,
    rotary_angles,
    rotate,
    sinusoids,
)
from handcalc.arrays.post_norm import Attention, DecoderBlock, EncoderBlock, Mlp
from handcalc.gradients.check import TARGETS, TOKENS
from handcalc.gradients.differences import differences
from handcalc.model.transformer import forward
from handcalc.model.weights import Shape, initial_weights

V, D, H, K, F = 7, 4, 2, 2, 5


def leaves(weights):
    """Return all arrays of a bundle of weights."""
    if isinstance(weights, np.ndarray):
        return [weights]
    return [array for part in weights for array in leaves(part)]


def draw_parts(random):
    """Return functions that draw the weights of each part."""

    def array(*size):
        return random.normal(scale=0.5, size=size)

    def norm():
        return Norm(1 + array(D), array(D))

    def heads():
        return Heads(array(H, K, D), array(H, K, D), array(H, K, D), array(D, H, K))

    def mlp():
        return FeedForward(array(F, D), array(F), array(D, F), array(D))

    return array, norm, heads, mlp


def draw_gpt(random, n_layers=2):
    array, norm, heads, mlp = draw_parts(random)
    blocks = tuple(Block(norm(), heads(), norm(), mlp()) for _ in range(n_layers))
    return GPT(4 * array(V, D), blocks, norm(), array(V, D))


def draw_encoder_decoder(random, n_layers=2):
    array, norm, heads, mlp = draw_parts(random)
    encoder, decoder = [], []
    for _ in range(n_layers):
        encoder += [EncoderBlock(Attention(heads(), norm()), Mlp(mlp(), norm()))]
        attention, cross = Attention(heads(), norm()), Attention(heads(), norm())
        decoder += [DecoderBlock(attention, cross, Mlp(mlp(), norm()))]
    return EncoderDecoder(array(V, D), tuple(encoder), tuple(decoder))


def test_the_step_equals_that_of_the_lists():
    weights = initial_weights(Shape(), "pre-ln")
    c = forward(weights, TOKENS, TARGETS, "pre-ln")
    c.backward()

    def bundle(end):  # "" the weights, ".grad" their gradients
        w = {name: np.array(c.values[name + end]) for name in weights}
        qkv = [np.stack([w[f"W_{letter}.{h}"].T for h in range(2)]) for letter in "QKV"]
        norms = [Norm(w[f"gamma.{n}"], w[f"beta.{n}"]) for n in range(3)]
        mlp = FeedForward(w["W_1"], w["b_1"], w["W_2"], w["b_2"])
        block = Block(norms[0], Heads(*qkv, w["W_O"].reshape(16, 2, 8)), norms[1], mlp)
        return GPT(w["token"], (block,), norms[2], w["head"]), w["position"]

    w, table = bundle("")
    rows, learned_back = learned_rows(table, 5)
    keep = np.array([[True, True, True, True, False]])  # the last position has no target
    targets = np.array([[*TARGETS, 0]])
    loss, w_grad, rows_grad = gpt_step(np.array([TOKENS]), targets, keep, w, Positions(rows=rows))
    assert loss == pytest.approx(c.values["loss"], abs=1e-12)
    assert round(loss, 6) == 1.737666
    expected, table_grad = bundle(".grad")
    assert_allclose(learned_back(rows_grad), table_grad, rtol=0, atol=1e-12)
    assert len(leaves(w_grad)) == 16
    for found, by_lists in zip(leaves(w_grad), leaves(expected), strict=True):
        assert_allclose(found, by_lists, rtol=0, atol=1e-12)


def schemes(random):
    return {
        "learned": Positions(rows=random.normal(size=(5, D))),
        "sinusoidal": Positions(rows=sinusoids(5, D)),
        "rotary": Positions(rotation=partial(rotate, angles=rotary_angles(5, K))),
        "alibi": Positions(bias=alibi_bias(5, H)),
        "none": Positions(),
    }


@pytest.mark.parametrize("scheme", ["learned", "sinusoidal", "rotary", "alibi", "none"])
def test_every_weight_of_gpt_by_finite_differences(scheme):
    random = np.random.default_rng(1)
    w, positions = draw_gpt(random), schemes(random)[scheme]
    tokens, upstream = random.integers(V, size=(2, 5)), random.normal(size=(2, 5, V))
    w_grad, rows_grad = gpt(tokens, w, positions)[1](upstream)
    tensors, gradients = leaves(w), leaves(w_grad)
    if scheme == "learned":
        tensors, gradients = [*tensors, positions.rows], [*gradients, rows_grad]

    def weighed():
        return float((upstream * gpt(tokens, w, positions)[0]).sum())

    for tensor, gradient in zip(tensors, gradients, strict=True):
        found = differences(weighed, tensor.reshape(-1))
        assert_allclose(gradient.reshape(-1), found, rtol=0, atol=1e-7)


def test_one_table_at_both_ends_has_the_gradient_of_both_uses():
    random = np.random.default_rng(2)
    w = draw_gpt(random, n_layers=1)
    w = w._replace(head=w.token)
    tokens, upstream = random.integers(V, size=(2, 3)), random.normal(size=(2, 3, V))

    def weighed():
        return float((upstream * gpt(tokens, w, Positions())[0]).sum())

    w_grad, _ = gpt(tokens, w, Positions())[1](upstream)
    found = np.reshape(differences(weighed, w.token.reshape(-1)), (V, D))
    assert_allclose(w_grad.token + w_grad.head, found, rtol=0, atol=1e-7)


def test_future_tokens_do_not_change_past_logits():
    random = np.random.default_rng(3)
    w, tokens = draw_gpt(random), random.integers(V, size=(1, 5))
    changed = tokens.copy()
    changed[0, 3] = (tokens[0, 3] + 1) % V
    for positions in schemes(random).values():
        before, after = (gpt(each, w, positions)[0] for each in (tokens, changed))
        assert (before[:, :3] == after[:, :3]).all() and (before[:, 3:] != after[:, 3:]).all()


def test_without_positions_the_order_is_lost_and_each_scheme_restores_it():
    random = np.random.default_rng(4)
    w, known = draw_gpt(random, n_layers=1), schemes(random)
    tokens, swapped = np.array([[1, 2, 3, 4, 5]]), np.array([[3, 1, 2, 4, 5]])
    for name, positions in known.items():
        last, other = (gpt(each, w, positions)[0][0, -1] for each in (tokens, swapped))
        assert np.allclose(last, other, rtol=0, atol=1e-12) == (name == "none")


@pytest.mark.parametrize("added", [sinusoids, lambda *shape: np.zeros(shape)])
def test_every_weight_of_the_encoder_decoder_by_finite_differences(added):
    random = np.random.default_rng(5)
    w = draw_encoder_decoder(random)
    source, target = random.integers(V, size=(2, 4)), random.integers(V, size=(2, 3))
    source_mask = padding_mask(np.array([4, 2]), 4)
    target_mask = causal_mask(3) & padding_mask(np.array([2, 3]), 3)
    upstream = random.normal(size=(2, 3, V))
    given = (source, target, w, source_mask, target_mask, added)

    def weighed():
        return float((upstream * encoder_decoder(*given)[0]).sum())

    w_grad = encoder_decoder(*given)[1](upstream)
    for tensor, gradient in zip(leaves(w), leaves(w_grad), strict=True):
        found = differences(weighed, tensor.reshape(-1))
        assert_allclose(gradient.reshape(-1), found, rtol=0, atol=1e-7)


def test_the_decoder_sees_all_of_the_source_and_its_own_past():
    random = np.random.default_rng(6)
    w, source = draw_encoder_decoder(random), np.array([[1, 2, 3, 0]])
    masks = padding_mask(np.array([3]), 4), causal_mask(3)

    def logits(source, target):
        return encoder_decoder(source, target, w, *masks, sinusoids)[0][0]

    before = logits(source, np.array([[1, 2, 3]]))
    later = logits(source, np.array([[1, 2, 4]]))
    assert (before[:2] == later[:2]).all() and (before[2] != later[2]).all()
    assert (logits(np.array([[1, 2, 3, 5]]), np.array([[1, 2, 3]])) == before).all()  # padding
    assert (logits(np.array([[1, 2, 4, 0]]), np.array([[1, 2, 3]])) != before).all()


def test_both_models_memorise_a_few_texts_and_their_reverse():
    random = np.random.default_rng(7)
    source = np.array([[1, 2, 3], [3, 1, 2], [2, 2, 1], [4, 5, 6]])
    texts = np.concatenate([source, source[:, ::-1]], axis=1)
    keep = np.ones((4, 5), dtype=bool)
    keep[:, :2] = False  # the source is given

    def step_of_gpt(w):
        positions = Positions(rotation=partial(rotate, angles=rotary_angles(5, K)))
        loss, w_grad, _ = gpt_step(texts[:, :-1], texts[:, 1:], keep, w, positions)
        return loss, w_grad

    def encoder_decoder_step(w):
        start = np.concatenate([np.zeros((4, 1), dtype=int), texts[:, 3:5]], axis=1)
        masks = padding_mask(np.full(4, 3), 3), causal_mask(3)
        logits, back = encoder_decoder(source, start, w, *masks, sinusoids)
        loss, loss_back = cross_entropy(logits, texts[:, 3:], keep[:, 2:])
        return loss, back(loss_back())

    for w, stepped in (
        (draw_gpt(random, 1), step_of_gpt),
        (draw_encoder_decoder(random, 1), encoder_decoder_step),
    ):
        first, _ = stepped(w)
        for _ in range(400):
            _, w_grad = stepped(w)
            for tensor, gradient in zip(leaves(w), leaves(w_grad), strict=True):
                tensor -= 0.2 * gradient
        assert first > 1.5 and stepped(w)[0] < 0.1
