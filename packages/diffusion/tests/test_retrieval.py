import pytest
import torch

from diffusion.metrics.retrieval import farther_others, most_like_truth, name_scores, ranks, top_k
from gpt.errors import BadInput


def test_ranks_by_hand():
    scores = torch.tensor([[0.9, 0.1, 0.5], [0.9, 0.1, 0.5], [0.9, 0.1, 0.5]])
    assert ranks(scores, torch.tensor([0, 1, 2])).tolist() == [1, 3, 2]


def test_ties_count_against_the_right_name():
    # a judge that scores all names alike ranks every name last
    assert ranks(torch.zeros(2, 4), torch.tensor([0, 3])).tolist() == [4, 4]


def test_top_k_counts_ranks():
    found = torch.tensor([1, 3, 2, 1, 7])
    assert top_k(found, 1) == (2, 5)
    assert top_k(found, 3) == (4, 5)
    assert top_k(found, 3).share == 0.8


def test_a_name_scores_as_its_most_similar_reference():
    references = torch.tensor([[2.0, 0], [0, 5], [-1, 0]])
    names = torch.tensor([0, 1, 1])
    samples = torch.tensor([[3.0, 0], [3, 4], [-2, 0]])
    scores = name_scores(samples, references, names, 3)
    expected = torch.tensor([[1, 0, -torch.inf], [0.6, 0.8, -torch.inf], [-1, 1, -torch.inf]])
    torch.testing.assert_close(scores, expected)
    assert ranks(scores, torch.tensor([0, 0, 1])).tolist() == [1, 2, 1]


def test_every_reference_finds_its_own_name():
    references, names = torch.randn(30, 8), torch.arange(10).repeat(3)
    found = ranks(name_scores(references, references, names, 10), names)
    assert top_k(found, 1).share == 1


def test_random_features_are_at_chance():
    names = torch.randint(10, (3000,))
    found = ranks(
        name_scores(torch.randn(3000, 8), torch.randn(40, 8), torch.arange(40) % 10, 10), names
    )
    assert top_k(found, 1).share == pytest.approx(0.1, abs=0.03)
    assert top_k(found, 5).share == pytest.approx(0.5, abs=0.05)


def test_distances_to_the_truth_by_hand():
    samples = torch.tensor([[0.0], [0.0], [0.0]])
    truth = torch.tensor([[1.0], [-2.0], [1.0]])
    others = torch.tensor([[[3.0], [2.0]], [[1.0], [-1.0]], [[-1.0], [9.0]]])
    # the sample is 1, 2 and 1 away from the truth, the others 2 1, 3 1 and 2 8; ties count against
    assert farther_others(samples, truth, others).tolist() == [0.5, 0.5, 1]
    # and 1, 2 and 1 away against 2, 1 and 1 for the nearest other
    assert most_like_truth(samples, truth, others) == (1, 3)


@pytest.mark.parametrize(
    ("scores", "right", "message"),
    [
        (torch.zeros(1, 3), torch.tensor([3]), r"names are 0 to 2, got \[3\]"),
        (torch.zeros(1, 3), torch.tensor([-1]), r"names are 0 to 2, got \[-1\]"),
        (torch.tensor([[0, torch.nan]]), torch.tensor([0]), "needs a finite score"),
        (torch.tensor([[0, -torch.inf]]), torch.tensor([1]), "a name without reference"),
    ],
)
def test_scores_without_the_right_name_are_refused(scores, right, message):
    with pytest.raises(BadInput, match=message):
        ranks(scores, right)


def test_top_k_of_nothing_is_refused():
    with pytest.raises(BadInput, match="got k=0, 1 ranks"):
        top_k(torch.ones(1, dtype=torch.long), 0)
    with pytest.raises(BadInput, match="got k=1, 0 ranks"):
        top_k(torch.ones(0, dtype=torch.long), 1)
