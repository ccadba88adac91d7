from contextlib import contextmanager

import pytest
import torch

from gpt.errors import BadInput
from gpt.model.gpt import GPT, GPTConfig
from gpt.runs import processes
from gpt.runs.parallel import (
    gather_full_tensor,
    replicate_model,
    shard_like,
    shard_model,
    stacked_blocks,
)
from gpt.runs.processes import (
    all_gather_bytes,
    all_reduce,
    all_reduce_max,
    local_rows,
    rank_zero_first,
)
from gpt.training import accumulation
from gpt.training.accumulation import GradientAccumulator, LossSum, accumulate_gradient

NO_SCALE = torch.amp.GradScaler("cpu", enabled=False)


def test_a_single_process_gets_its_arguments_back():
    model, bits = torch.nn.Linear(2, 2), torch.zeros(3, dtype=torch.uint8)
    assert all_reduce(1.5, 2) == [1.5, 2] and all_reduce_max(3) == 3
    assert all_gather_bytes(bits).tolist() == [[0, 0, 0]]
    assert replicate_model(model) is model and shard_model(model) is model
    assert gather_full_tensor(bits) is bits and shard_like(bits, bits) is bits
    with rank_zero_first() as is_first:
        assert is_first


@pytest.mark.parametrize(("n", "n_rows"), [(1, 3), (2, 5), (3, 5), (4, 4)])
def test_every_row_belongs_to_one_process(n, n_rows, monkeypatch):
    monkeypatch.setattr(processes, "n_processes", lambda: n)
    shares = []
    for number in range(n):
        monkeypatch.setattr(processes, "rank", lambda number=number: number)
        shares.append(local_rows(torch.arange(n_rows)).tolist())
    assert sorted(row for share in shares for row in share) == list(range(n_rows))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_fewer_rows_than_processes_are_refused(monkeypatch):
    monkeypatch.setattr(processes, "n_processes", lambda: 3)
    with pytest.raises(BadInput, match="a batch of 2 has too few rows for 3 processes"):
        local_rows([1, 2])


def test_a_process_with_fewer_batches_repeats_its_last_one_uncounted(monkeypatch):
    monkeypatch.setattr(accumulation, "all_reduce_max", lambda number: 3)  # the other has three
    averaged = [True]  # the last entry: whether gradients are averaged now

    class Replicated:
        @contextmanager
        def no_sync(self):
            averaged.append(False)
            yield
            averaged.pop()

    monkeypatch.setattr(accumulation, "DistributedDataParallel", Replicated)
    gradient = GradientAccumulator(Replicated(), NO_SCALE)
    passes = [
        (batch, gradient.is_counted, averaged[-1]) for batch in gradient.micro_batches(["a", "b"])
    ]
    assert passes == [("a", True, False), ("b", True, False), ("b", False, True)]


def test_the_mean_over_two_processes_by_hand(monkeypatch):
    # This process has 6 w of 3 terms and the other 10 w of 1 term: the mean is 16 w / 4. Both
    # divide by 3 first, so the average is (6 / 3 + 10 / 3) / 2 = 8 / 3, and 8 / 3 * 2 * 3 / 4 = 4.
    monkeypatch.setattr(accumulation, "n_processes", lambda: 2)
    monkeypatch.setattr(accumulation, "all_reduce", lambda total, terms: [total + 10, terms + 1])
    w = torch.nn.Parameter(torch.tensor(1.0))
    w.register_hook(lambda gradient: (gradient + 10 / 3) / 2)
    mean = accumulate_gradient(
        None, [w], [(6.0, 3)], lambda _, x: LossSum(w * x[0], x[1]), NO_SCALE
    )
    assert mean == pytest.approx(4)
    assert float(w.grad) == pytest.approx(4)


def test_a_model_is_sharded_block_by_block():
    model = GPT(GPTConfig(50, 8, 3, 2, 16, 32))
    assert list(stacked_blocks(model)) == list(model.blocks)
    assert list(stacked_blocks(torch.nn.Sequential(model))) == list(model.blocks)
