import pytest
import torch

from gpt.errors import BadInput
from gpt.generation.sampling import keep_top_k, keep_top_p, sample_token

LOGITS = torch.tensor([[4.7, 3.2, 2.1]])


def drawn(probabilities, n=100_000, **settings):
    """Return the frequencies of `n` draws from these probabilities."""
    logits = torch.tensor([probabilities]).log().expand(n, -1)
    tokens = sample_token(logits, **settings, generator=torch.Generator().manual_seed(0))
    return (torch.bincount(tokens, minlength=len(probabilities)) / n).tolist()


@pytest.mark.parametrize(
    ("temperature", "expected"),
    [(0.5, [0.9476, 0.0472, 0.0052]), (1.5, [0.6474, 0.2382, 0.1144])],
)
def test_temperature_sharpens_and_flattens(temperature, expected):
    probabilities = (LOGITS / temperature).softmax(dim=-1)[0]
    torch.testing.assert_close(probabilities, torch.tensor(expected), atol=5e-5, rtol=0)
    # four standard errors of a share over 100,000 draws are at most .0064
    shares = drawn(LOGITS.softmax(dim=-1)[0].tolist(), temperature=temperature)
    assert shares == pytest.approx(expected, abs=0.0064)


def test_the_top_five_share_the_probability_of_the_others():
    top = [0.2199, 0.0491, 0.0321, 0.0287, 0.0215]
    tail = [(1 - sum(top)) / 100] * 100
    kept = keep_top_k(torch.tensor([top + tail]).log(), 5).softmax(dim=-1)[0]
    expected = torch.tensor([0.626, 0.140, 0.091, 0.082, 0.061])
    torch.testing.assert_close(kept[:5], expected, atol=6e-4, rtol=0)
    assert kept[5:].max() == 0


@pytest.mark.parametrize(
    ("p", "n_kept"), [(0.01, 1), (0.49, 1), (0.51, 2), (0.79, 2), (0.81, 3), (0.96, 4), (1.0, 4)]
)
def test_top_p_keeps_the_fewest_tokens_that_reach_p(p, n_kept):
    logits = torch.tensor([[0.05, 0.5, 0.15, 0.3]]).log()  # reach .5, .8, .95 and 1
    assert keep_top_p(logits, p).isfinite().sum() == n_kept


def test_top_p_keeps_the_likeliest_token_at_any_index():
    kept = keep_top_p(torch.tensor([[0.1, 0.2, 0.7], [0.7, 0.1, 0.2]]).log(), 0.6)
    assert kept.isfinite().tolist() == [[False, False, True], [True, False, False]]


def test_temperature_zero_is_greedy_and_draws_nothing():
    generator = torch.Generator().manual_seed(0)
    before = generator.get_state()
    assert sample_token(LOGITS, temperature=0.0, generator=generator).tolist() == [0]
    assert torch.equal(before, generator.get_state())


@pytest.mark.parametrize("temperature", [1e-300, 1e-38, 1e-6])
def test_a_tiny_temperature_is_as_good_as_greedy(temperature):
    assert sample_token(LOGITS, temperature).tolist() == [0]


def test_filters_combine_temperature_first_then_k_then_p():
    # at temperature .5 the squares: .64 .09 .04 ... of .8 .3 .2; k = 2 leaves .64 and .09, that is
    # .877 and .123; p = .9 keeps both, p = .8 the first alone
    logits = torch.tensor([[0.8, 0.3, 0.2]]).log().expand(20_000, -1)

    def kept(p):
        generator = torch.Generator().manual_seed(0)
        return set(sample_token(logits, 0.5, top_k=2, top_p=p, generator=generator).tolist())

    assert kept(0.9) == {0, 1}
    assert kept(0.8) == {0}


def test_top_k_beyond_the_vocabulary_keeps_everything():
    torch.testing.assert_close(keep_top_k(LOGITS, 99), LOGITS)


def test_the_same_seed_draws_the_same_tokens():
    logits = torch.randn(50, 20)
    one, two = (sample_token(logits, generator=torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(one, two)


@pytest.mark.parametrize(
    "settings",
    [
        {"temperature": -1.0},
        {"temperature": float("nan")},
        {"top_k": 0},
        {"top_p": 0.0},
        {"top_p": 1.1},
    ],
)
def test_settings_that_leave_nothing_are_refused(settings):
    with pytest.raises(BadInput, match=f"{next(iter(settings))} must"):
        sample_token(LOGITS, **settings)
