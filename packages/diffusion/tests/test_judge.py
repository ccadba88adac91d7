import pytest
import torch

from diffusion.data.digits import digits
from diffusion.data.image_set import ImageSet
from diffusion.metrics.judge import DigitJudge, shifted_copies
from gpt.errors import BadInput


def split_at_random(seed):
    """Training and held-out digits in a random order, so that both are by the same writers."""
    train, test = digits()
    images, labels = torch.cat([train.images, test.images]), torch.cat([train.labels, test.labels])
    everything = ImageSet(images, labels, train.captions + test.captions, train.label_names)
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(everything), generator=generator).tolist()
    return everything.select(order[:1347]), everything.select(order[1347:])


@pytest.fixture(scope="module")
def halves():
    return split_at_random(0)


@pytest.fixture(scope="module")
def judge(halves):
    return DigitJudge(halves[0])


def test_the_judge_reads_99_percent_of_450_held_out_digits():
    rates = []
    for seed in range(2):
        train, held_out = split_at_random(seed)
        assert len(held_out) == 450
        rates.append(DigitJudge(train).accuracy(held_out))
    assert sum(rates) / 2 >= 0.99
    assert min(rates) >= 0.98


def test_the_judge_reads_most_digits_of_writers_that_it_has_not_seen():
    train, test = digits()
    assert DigitJudge(train).accuracy(test) >= 0.965


def test_accuracy_counts_the_labels_that_were_wanted(judge, halves):
    held_out = halves[1]
    wrong = ImageSet(
        held_out.images, (held_out.labels + 1) % 10, held_out.captions, held_out.label_names
    )
    assert judge.accuracy(wrong) <= 0.01


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(0, 1, 8, 8), "images needs at least 1 rows, got 0"),
        (torch.zeros(2, 3, 8, 8), r"images has rows of shape \[3, 8, 8\]"),
        (torch.zeros(2, 1, 4, 16), r"images has rows of shape \[1, 4, 16\]"),
        (torch.full((1, 1, 8, 8), torch.nan), "images has 64 numbers that are NaN"),
    ],
)
def test_images_that_are_no_digits_are_refused(judge, images, message):
    with pytest.raises(BadInput, match=message):
        judge.read(images)


def test_a_bright_pixel_moves_by_a_fraction_in_each_direction():
    image = torch.full((1, 1, 3, 3), -1.0)
    image[0, 0, 1, 1] = 1
    _, down, up, right, left = (shifted_copies(image) + 1)[:, 0] / 2
    centre = 0.6
    for copy, y, x in ((down, 2, 1), (up, 0, 1), (right, 1, 2), (left, 1, 0)):
        assert copy[1, 1].item() == pytest.approx(centre)
        assert copy[y, x].item() == pytest.approx(0.4)
        assert copy.sum().item() == pytest.approx(1)
