"""Preference losses inside the training loop: the first loss, what is counted, what is learned."""

import json
import math
import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch

from finetune.conversations.rows import EpochSampler
from finetune.dpo.losses import conservative_dpo_loss, dpo_loss, ipo_loss, robust_dpo_loss
from finetune.dpo.margins import answer_logprob, margin, mean_logprob
from finetune.dpo.pairs import PairBatch, TokenPair, pair_batches, pair_rows
from finetune.dpo.reference_free import orpo_loss, simpo_loss
from finetune.dpo.training import (
    evaluate_pairs,
    preference_loss,
    reference_free_loss,
    reference_logprobs,
    sequence_logprobs,
    without_dropout,
)
from finetune.lora.inject import LoraConfig, inject
from finetune.lora.merge import disable_adapters
from finetune.sft.policy import Policy
from gpt.errors import BadInput
from gpt.model.config import GPTConfig
from gpt.training.accumulation import accumulate_gradient
from gpt.training.loop import LoopConfig, train

NANO = GPTConfig(vocab_size=20, context=16, n_layers=2, n_heads=2, d_model=16, d_ff=32, dropout=0.5)
CPU = torch.device("cpu")
PAIRS = [
    TokenPair([1, 2], [3, 4], [3, 5, 6]),
    TokenPair([7], [8, 9, 10], [11]),
    TokenPair([12, 13, 14], [15], [16, 17]),
    TokenPair([2, 1], [3, 5, 6], [3, 4]),
]
NO_SCALE = torch.amp.GradScaler("cpu", enabled=False)


def policy(dtype=torch.float64, seed=0):
    torch.manual_seed(seed)
    model = Policy(NANO).to(dtype)
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return model


def whole_batch(model, size=4):
    reference = reference_logprobs(model, [pair_rows(PAIRS)])
    return pair_batches(PAIRS, reference, EpochSampler(4, 4, seed=0), size, CPU)(0)


def test_a_block_of_pairs_by_hand():
    rows = pair_rows(PAIRS[:2])
    assert rows.tokens.tolist() == [
        [1, 2, 3, 4, 0],
        [7, 8, 9, 10, 0],
        [1, 2, 3, 5, 6],
        [7, 11, 0, 0, 0],
    ]
    assert rows.mask.int().tolist() == [
        [0, 0, 1, 1, 0],
        [0, 1, 1, 1, 0],
        [0, 0, 1, 1, 1],
        [0, 1, 0, 0, 0],
    ]
    assert rows.lengths.tolist() == [4, 4, 5, 2]


def test_every_batch_holds_the_references_of_its_own_pairs():
    reference = torch.tensor([[-1.0, -10], [-2, -20], [-3, -30], [-4, -40]])
    epochs = EpochSampler(4, 3, seed=1)
    first, second = pair_batches(PAIRS, reference, epochs, 2, CPU)(5)
    a, b, c = epochs(5)
    assert first.reference.tolist() == [-1.0 - a, -1.0 - b, -10.0 - 10 * a, -10.0 - 10 * b]
    assert second.reference.tolist() == [-1.0 - c, -10.0 - 10 * c]
    assert torch.equal(first.rows.tokens, pair_rows([PAIRS[a], PAIRS[b]]).tokens)


def test_a_batch_moves_as_one():
    [batch] = whole_batch(policy())
    moved = batch.to(torch.device("meta"))
    assert isinstance(moved, PairBatch)
    assert {each.device.type for each in (*moved.rows, moved.reference)} == {"meta"}


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        (TokenPair([1], [2, 3], [2, 3]), r"pair 4 has the same answer twice, 2 tokens .* \[2, 3\]"),
        (TokenPair([], [2], [3]), "pair 4 has an empty prompt"),
        (TokenPair([1], [], [3]), "pair 4 has an empty chosen"),
        (TokenPair([1], [2], []), "pair 4 has an empty rejected"),
    ],
)
def test_pairs_that_say_nothing_are_refused(pair, message):
    with pytest.raises(BadInput, match=message):
        pair_batches([*PAIRS, pair], torch.zeros(5, 2), EpochSampler(5, 2, 0), 2, CPU)


@pytest.mark.parametrize(("n_references", "n_epoch"), [(3, 4), (4, 3)])
def test_references_of_other_data_are_refused(n_references, n_epoch):
    with pytest.raises(BadInput, match="4 rows of data, .* do not belong together"):
        pair_batches(PAIRS, torch.zeros(n_references, 2), EpochSampler(n_epoch, 2, 0), 2, CPU)


@pytest.mark.parametrize("beta", [0.0, -0.1, float("inf"), float("nan")])
def test_beta_must_be_positive(beta):
    with pytest.raises(BadInput, match=f"beta must be a positive number, got {beta}"):
        preference_loss(beta=beta)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("dtype", "bound"), [(torch.float32, 1e-7), (torch.float64, 1e-15)])
def test_the_first_loss_is_ln_2_in_either_mode(training, dtype, bound):
    model = policy(dtype)
    [batch] = whole_batch(model)
    total, terms = preference_loss()(model.train(training), batch)
    assert terms == 4
    assert abs(total.item() / terms - math.log(2)) <= bound
    assert model.training == training


def test_it_is_ln_2_to_the_bit_where_both_scores_come_from_one_kind_of_pass():
    model = policy(torch.float32).train()
    rows = pair_rows(PAIRS)
    batch = PairBatch(rows, sequence_logprobs(model, rows).logprob.detach())
    assert preference_loss()(model, batch).total / 4 == torch.tensor(math.log(2))


def test_with_dropout_in_the_policy_it_would_not_be_ln_2():
    model = policy()
    [(rows, reference)] = whole_batch(model)
    logprobs = model.train()(rows.tokens, rows.mask)
    thinned = answer_logprob(logprobs, rows.mask[:, 1:])
    loss = dpo_loss(margin(thinned), margin(reference))
    assert abs(loss.item() - math.log(2)) > 0.01


def test_layers_get_their_modes_back_also_after_an_error():
    model = policy().train()
    model.blocks[1].eval()
    before = [module.training for module in model.modules()]
    with pytest.raises(KeyError), without_dropout(model):
        assert not any(module.training for module in model.modules())
        raise KeyError
    assert [module.training for module in model.modules()] == before


def test_a_prompt_is_read_and_not_counted():
    # Asked to score the prompt's second token too, the model says the same of the answer; a mask
    # that lets that token in gives another sum.
    model = policy().eval()
    rows = pair_rows(PAIRS[:1])
    more = rows._replace(mask=rows.mask | (torch.arange(5) == 1))
    kept = rows.mask[:, 1:]
    asked_more = answer_logprob(model(more.tokens, more.mask), kept)
    torch.testing.assert_close(
        asked_more, sequence_logprobs(model, rows).logprob, rtol=0, atol=1e-12
    )
    assert (sequence_logprobs(model, more).logprob < asked_more - 0.1).all()


def test_the_reference_is_asked_without_gradients_dropout_or_traces():
    model = policy().train()
    reference = reference_logprobs(model, [pair_rows(PAIRS[:3]), pair_rows(PAIRS[3:])])
    again = reference_logprobs(model, [pair_rows(PAIRS)])
    torch.testing.assert_close(reference, again, rtol=0, atol=1e-12)
    assert model.training and not reference.requires_grad
    [(tokens, mask, _)] = [pair_rows(PAIRS[2:3])]
    chosen, rejected = model.eval()(tokens, mask).sum(-1)
    torch.testing.assert_close(reference[2], torch.stack([chosen, rejected]).detach())


def test_a_policy_with_adapters_is_its_own_reference_before_and_after():
    model = policy()
    bare = reference_logprobs(model, [pair_rows(PAIRS)])
    inject(model, LoraConfig(rank=2, dropout=0.5), torch.Generator().manual_seed(0))
    batches = pair_batches(PAIRS, bare, EpochSampler(4, 4, seed=0), 4, CPU)
    config = LoopConfig(steps=3, learning_rate=1e-2)
    losses = [record.loss for record in train(model, batches, preference_loss(), config)]
    assert abs(losses[0] - math.log(2)) <= 1e-15 and losses[2] < losses[0]
    again = reference_logprobs(model, [pair_rows(PAIRS)], aside=disable_adapters)
    torch.testing.assert_close(again, bare, rtol=0, atol=1e-12)
    assert not torch.allclose(reference_logprobs(model, [pair_rows(PAIRS)]), bare)


def test_the_gradient_is_beta_sigmoid_of_minus_h_times_both_answers_gradients():
    model, beta = policy(), 0.3
    rows, reference = pair_rows(PAIRS[:1]), torch.tensor([-3.0, -5.0], dtype=torch.float64)
    parameters = [*model.parameters()]
    logprob = sequence_logprobs(model, rows).logprob
    h = beta * (margin(logprob) - margin(reference)).item()
    slopes = [
        torch.autograd.grad(sequence_logprobs(model, rows).logprob[i], parameters) for i in (0, 1)
    ]
    loss = preference_loss(beta=beta)(model, PairBatch(rows, reference)).total
    for found, chosen, rejected in zip(torch.autograd.grad(loss, parameters), *slopes, strict=True):
        expected = -beta / (1 + math.exp(h)) * (chosen - rejected)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_ipo_may_read_sums_or_means():
    model = policy()
    rows, reference = pair_rows(PAIRS), -torch.arange(8).double()
    logprob, n_tokens = sequence_logprobs(model, rows)
    by_hand = [2, 3, 1, 3, 3, 1, 2, 2]
    assert n_tokens.tolist() == by_hand
    for measure, divisor in ((None, 1), (mean_logprob, n_tokens)):
        options = {"measure": measure} if measure else {}
        total = preference_loss(ipo_loss, 0.5, **options)(model, PairBatch(rows, reference)).total
        moved = margin((logprob - reference) / divisor)
        torch.testing.assert_close(total, (moved - 1).square().sum())


LOSSES = {
    "dpo": lambda: preference_loss(),
    "conservative": lambda: preference_loss(partial(conservative_dpo_loss, smoothing=0.2)),
    "robust": lambda: preference_loss(partial(robust_dpo_loss, smoothing=0.2)),
    "ipo": lambda: preference_loss(ipo_loss, measure=mean_logprob),
    "orpo": lambda: reference_free_loss(orpo_loss),
    "simpo": lambda: reference_free_loss(simpo_loss),
}


@pytest.mark.parametrize("name", LOSSES)
def test_micro_batches_give_the_gradient_of_the_whole_batch(name):
    model = policy()
    gradients = []
    for size in (4, 3):  # one piece, and 3 + 1
        parameters = [*model.parameters()]
        pieces = whole_batch(model, size)
        moved = [piece._replace(reference=piece.reference - 1) for piece in pieces]
        accumulate_gradient(model, parameters, moved, LOSSES[name](), NO_SCALE)
        gradients.append([parameter.grad for parameter in parameters])
        model.zero_grad()
    for whole, pieces in zip(*gradients, strict=True):
        torch.testing.assert_close(whole, pieces, rtol=0, atol=1e-12)


def test_each_piece_passes_through_the_model_once():
    model, calls = policy(), []
    pieces = whole_batch(model, 3)
    model.register_forward_pre_hook(lambda module, inputs: calls.append(len(inputs[0])))
    for piece in pieces:
        preference_loss()(model, piece)
    assert calls == [6, 2]


def test_reports_add_up_over_the_pieces_and_begin_anew():
    model = policy()
    reference = reference_logprobs(model, [pair_rows(PAIRS)]) - torch.tensor([1.0, 2.0])
    loss = preference_loss(beta=0.5)
    for piece in pair_batches(PAIRS, reference, EpochSampler(4, 4, 0), 3, CPU)(0):
        loss(model, piece)
    report = loss.report()
    assert report[:5] == pytest.approx((4, 0.5, 1.0, -0.5, 0))
    chosen = sequence_logprobs(model, pair_rows(PAIRS)).logprob[:4].mean().item()
    assert report.chosen_logprob == pytest.approx(chosen)
    with pytest.raises(BadInput, match="no pair was seen"):
        loss.report()


def test_held_out_pairs_are_judged_without_gradients():
    model, tracked = policy().train(), []
    pieces = whole_batch(model, 3)
    model.register_forward_hook(lambda module, inputs, out: tracked.append(out.requires_grad))
    found = evaluate_pairs(model, pieces, preference_loss())
    assert found.loss == pytest.approx(math.log(2))
    assert found.report.n_pairs == 4
    assert tracked == [False, False]


@pytest.mark.parametrize("name", LOSSES)
def test_four_pairs_are_learned_by_heart(name):
    # Pairs 0 and 3 have the same answers in the opposite order, so the prompts must be read.
    model = policy(torch.float32)
    reference = reference_logprobs(model, [pair_rows(PAIRS)])
    batches = pair_batches(PAIRS, reference, EpochSampler(4, 4, seed=0), 4, CPU)
    config = LoopConfig(steps=60, learning_rate=1e-2)
    losses = [record.loss for record in train(model, batches, LOSSES[name](), config)]
    report = evaluate_pairs(model, batches(0), LOSSES[name]()).report
    assert report.accuracy == 1
    assert report.margin > 0.5
    assert losses[-1] < losses[0]


DRIVER = """
import json
from test_dpo_training import CPU, four_losses
from gpt.runs.processes import process_group, rank

with process_group(CPU):
    losses = four_losses()
    if rank() == 0:
        print("LOSSES", json.dumps(losses))
"""


def four_losses():
    model = policy(torch.float32)
    reference = reference_logprobs(model, [pair_rows(PAIRS)])
    batches = pair_batches(
        PAIRS, reference, EpochSampler(4, 3, seed=0), 1, CPU
    )  # 2 pieces here, 1 there
    config = LoopConfig(steps=4, learning_rate=1e-2)
    return [record.loss for record in train(model, batches, preference_loss(), config)]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="posix: gloo under torchrun")
def test_two_processes_have_the_losses_of_one():
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    folder = str(Path(__file__).parent)
    done = subprocess.run(
        [*command, "--no-python", sys.executable, "-c", DRIVER],
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": folder},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    [found] = re.findall(r"LOSSES (.*)", done.stdout)
    two, one = json.loads(found), four_losses()
    assert two == pytest.approx(one, abs=1e-5)
    assert one[0] == pytest.approx(math.log(2), abs=1e-6) and one[-1] < one[0] - 0.01
