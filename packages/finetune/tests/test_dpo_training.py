"""Training on pairs: the first loss, the gradient of a step, its metrics, and what is learned."""

import copy
import json
import math
import os
import re
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

from finetune.dpo.losses import conservative_dpo_loss, dpo_loss, ipo_loss, robust_dpo_loss
from finetune.dpo.margins import answer_logprob, margin, mean_logprob, sum_logprob
from finetune.dpo.pairs import TokenPair, pair_batches, pair_rows
from finetune.dpo.reference_free import orpo_loss, simpo_loss, train_reference_free
from finetune.dpo.training import evaluate_pairs, sequence_logprobs, train_dpo
from finetune.lora.inject import LoraConfig, inject
from finetune.lora.merge import disable_adapters
from gpt.errors import BadInput
from gpt.model.config import GPTConfig
from gpt.policy.policy import Policy, make_reference, without_dropout
from gpt.policy.rows import EpochSampler
from gpt.training import loop as loop_module
from gpt.training.loop import LoopConfig

NANO = GPTConfig(vocab_size=20, context=16, n_layers=2, n_heads=2, d_model=16, d_ff=32, dropout=0.5)
CPU = torch.device("cpu")
PAIRS = [
    TokenPair([1, 2], [3, 4], [3, 5, 6]),
    TokenPair([7], [8, 9, 10], [11]),
    TokenPair([12, 13, 14], [15], [16, 17]),
    TokenPair([2, 1], [3, 5, 6], [3, 4]),
]
ONE_STEP = LoopConfig(steps=1, learning_rate=1e-2, max_grad_norm=1e9)


def policy(dtype=torch.float64, seed=0):
    torch.manual_seed(seed)
    model = Policy(NANO).to(dtype)
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return model


def batches_of(size=4):
    return pair_batches(PAIRS, EpochSampler(4, 4, seed=0), size, CPU)


def other_policy(dtype=torch.float64):
    return make_reference(policy(dtype, seed=1))


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


def test_a_step_takes_the_pairs_of_the_epoch_in_micro_batches():
    epochs = EpochSampler(4, 3, seed=1)
    first, second = pair_batches(PAIRS, epochs, 2, CPU)(5)
    a, b, c = epochs(5)
    assert torch.equal(first.tokens, pair_rows([PAIRS[a], PAIRS[b]]).tokens)
    assert torch.equal(second.tokens, pair_rows([PAIRS[c]]).tokens)


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        (TokenPair([1], [2, 3], [2, 3]), r"pair 4 has the same answer twice, 2 tokens .* \[2, 3\]"),
        (TokenPair([], [2], [3]), "pair 4 has an empty prompt"),
        (TokenPair([1], [], [3]), "pair 4 has an empty chosen"),
        (TokenPair([1], [2], []), "pair 4 has an empty rejected"),
    ],
)
def test_pairs_without_a_preference_are_refused(pair, message):
    with pytest.raises(BadInput, match=message):
        pair_batches([*PAIRS, pair], EpochSampler(5, 2, 0), 2, CPU)


@pytest.mark.parametrize("n_rows", [3, 5])
def test_an_order_for_other_data_is_refused(n_rows):
    with pytest.raises(BadInput, match=f"an order of {n_rows} rows is not for 4 pairs"):
        pair_batches(PAIRS, EpochSampler(n_rows, 2, 0), 2, CPU)


@pytest.mark.parametrize("beta", [0.0, -0.1, float("inf"), float("nan")])
def test_beta_must_be_positive(beta):
    with pytest.raises(BadInput, match=f"beta must be a positive number, got {beta}"):
        next(train_dpo(policy(), other_policy(), batches_of(), ONE_STEP, beta=beta))


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("dtype", "bound"), [(torch.float32, 1e-7), (torch.float64, 1e-15)])
def test_the_first_loss_is_ln_2_in_either_mode(training, dtype, bound):
    model = policy(dtype).train(training)
    record = next(train_dpo(model, make_reference(model), batches_of(), ONE_STEP))
    assert abs(record.loss - math.log(2)) <= bound
    assert max(abs(record.chosen_reward), abs(record.rejected_reward)) <= bound


def test_it_is_ln_2_to_the_bit_if_both_scores_come_from_the_same_kind_of_pass():
    model, rows = policy(torch.float32).train(), pair_rows(PAIRS)
    both = [margin(sequence_logprobs(model, rows)) for _ in range(2)]
    assert dpo_loss(*both) == torch.tensor(math.log(2))


def test_with_dropout_in_the_policy_it_would_not_be_ln_2():
    model, [rows] = policy(), batches_of()(0)
    with_dropout = answer_logprob(model.train()(rows.tokens, rows.mask), rows.mask[:, 1:])
    loss = dpo_loss(margin(with_dropout), margin(sequence_logprobs(model, rows)))
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
    # If the prompt's second token is scored too, the answer has the same log-probability; a mask
    # that includes that token gives another sum.
    model = policy().eval()
    rows = pair_rows(PAIRS[:1])
    more = rows._replace(mask=rows.mask | (torch.arange(5) == 1))
    kept = rows.mask[:, 1:]
    asked_more = answer_logprob(model(more.tokens, more.mask), kept)
    torch.testing.assert_close(asked_more, sequence_logprobs(model, rows), rtol=0, atol=1e-12)
    assert (sequence_logprobs(model, more) < asked_more - 0.1).all()


def test_a_reference_is_frozen_and_has_no_dropout():
    model = policy().train()
    reference, rows = make_reference(model), pair_rows(PAIRS[2:3])
    logprobs = reference(rows.tokens, rows.mask)
    assert not logprobs.requires_grad and model.training
    expected = model.eval()(rows.tokens, rows.mask).detach()
    torch.testing.assert_close(logprobs, expected, rtol=0, atol=1e-15)


def test_training_changes_the_policy_and_not_its_reference():
    model = policy()
    reference = make_reference(model)
    before = copy.deepcopy(reference.state_dict())
    tracked = []
    reference.register_forward_hook(lambda module, inputs, out: tracked.append(out.requires_grad))
    for _ in train_dpo(model, reference, batches_of(), replace(ONE_STEP, steps=2)):
        pass
    assert tracked == [False, False]
    after = reference.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not torch.equal(model.head_weight, reference.head_weight)


def test_a_reference_of_adapters_shares_the_base_and_is_the_model_without_them():
    model, rows = policy(), pair_rows(PAIRS)
    bare = sequence_logprobs(model, rows).detach()
    inject(model, LoraConfig(rank=2, dropout=0.5), torch.Generator().manual_seed(0))
    reference = make_reference(model)
    assert reference.embedding.weight is model.embedding.weight
    loop = replace(ONE_STEP, steps=3)
    losses = [record.loss for record in train_dpo(model, reference, batches_of(), loop)]
    assert abs(losses[0] - math.log(2)) <= 1e-15 and losses[2] < losses[0]
    torch.testing.assert_close(sequence_logprobs(reference, rows), bare, rtol=0, atol=1e-12)
    with disable_adapters(model):
        torch.testing.assert_close(sequence_logprobs(model, rows), bare, rtol=0, atol=1e-12)
    assert not torch.allclose(sequence_logprobs(model, rows), bare)


def gradient_of(training):
    """Gradients of the first step of a training."""
    gradients, update = [], loop_module.update_weights

    def recorded(state, gradient, config):
        parameters = [*state.model.parameters()]
        loss = gradient.finish(parameters)
        gradients.extend(parameter.grad.clone() for parameter in parameters)
        return loss, 1.0

    loop_module.update_weights = recorded
    try:
        next(training)
    finally:
        loop_module.update_weights = update
    return gradients


def test_the_gradient_is_beta_sigmoid_of_minus_h_times_both_answers_gradients():
    model, reference, beta, rows = policy(), other_policy(), 0.3, pair_rows(PAIRS[:1])
    parameters = [*model.parameters()]
    logprob = sequence_logprobs(model, rows)
    h = beta * (margin(logprob) - margin(sequence_logprobs(reference, rows))).item()
    slopes = [torch.autograd.grad(sequence_logprobs(model, rows)[i], parameters) for i in (0, 1)]
    found = gradient_of(train_dpo(model, reference, lambda step: [rows], ONE_STEP, beta=beta))
    for gradient, chosen, rejected in zip(found, *slopes, strict=True):
        expected = -beta / (1 + math.exp(h)) * (chosen - rejected)
        torch.testing.assert_close(gradient, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("reduction", [sum_logprob, mean_logprob])
def test_ipo_may_use_sums_or_means(reduction):
    model, reference, rows = policy(), other_policy(), pair_rows(PAIRS)
    n_tokens = torch.tensor([2, 3, 1, 3, 3, 1, 2, 2])  # counted by hand
    divisor = n_tokens if reduction is mean_logprob else 1
    change = sequence_logprobs(model, rows) - sequence_logprobs(reference, rows)
    expected = (margin(change / divisor) - 1).square().mean().item()
    training = train_dpo(model, reference, lambda step: [rows], ONE_STEP, ipo_loss, 0.5, reduction)
    assert next(training).loss == pytest.approx(expected, abs=1e-12)


def train_with(loss, **options):
    return lambda model, reference, *more: train_dpo(model, reference, *more, loss, **options)


def train_without_reference(loss):
    return lambda model, reference, *more: train_reference_free(model, *more, loss)


TRAININGS = {
    "dpo": train_with(dpo_loss),
    "conservative": train_with(partial(conservative_dpo_loss, smoothing=0.2)),
    "robust": train_with(partial(robust_dpo_loss, smoothing=0.2)),
    "ipo": train_with(ipo_loss, reduction=mean_logprob),
    "orpo": train_without_reference(orpo_loss),
    "simpo": train_without_reference(simpo_loss),
}


@pytest.mark.parametrize("name", TRAININGS)
def test_micro_batches_give_the_gradient_of_the_whole_batch(name):
    whole, parts = (
        gradient_of(TRAININGS[name](policy(), other_policy(), batches_of(size), ONE_STEP))
        for size in (4, 3)  # one micro-batch, and 3 + 1
    )
    for one, two in zip(whole, parts, strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=1e-12)


def test_each_micro_batch_passes_through_the_policy_once():
    model, calls = policy(), []
    model.register_forward_pre_hook(lambda module, inputs: calls.append(len(inputs[0])))
    next(train_dpo(model, other_policy(), batches_of(3), ONE_STEP))
    assert calls == [6, 2]


def test_the_metrics_of_a_step_are_means_over_its_micro_batches():
    model, reference, beta = policy(), other_policy(), 0.5
    record = next(train_dpo(model, reference, batches_of(3), ONE_STEP, beta=beta))
    model, rows = policy(), pair_rows(PAIRS)
    logprobs = sequence_logprobs(model, rows)
    rewards = beta * (logprobs - sequence_logprobs(reference, rows))
    assert record.chosen_reward == pytest.approx(rewards[:4].mean().item())
    assert record.rejected_reward == pytest.approx(rewards[4:].mean().item())
    assert record.accuracy == pytest.approx((rewards[:4] > rewards[4:]).float().mean().item())
    assert record.chosen_logprob == pytest.approx(logprobs[:4].mean().item())
    assert record.rejected_logprob == pytest.approx(logprobs[4:].mean().item())


def test_metrics_need_pairs():
    with pytest.raises(BadInput, match="no pairs"):
        evaluate_pairs(policy(), other_policy(), [])


def test_held_out_pairs_are_evaluated_without_gradients():
    model, tracked = policy().train(), []
    reference = make_reference(model)
    model.register_forward_hook(lambda module, inputs, out: tracked.append(out.requires_grad))
    loss, metrics = evaluate_pairs(model, reference, batches_of(3)(0))
    assert loss == pytest.approx(math.log(2))
    assert metrics.n_pairs == 4
    assert tracked == [False, False]


@pytest.mark.parametrize("name", TRAININGS)
def test_four_pairs_are_learned_by_heart(name):
    # Pairs 0 and 3 have the same answers in the opposite order, so the prompts must be read.
    model = policy(torch.float32)
    reference, batches = make_reference(model), batches_of()
    config = LoopConfig(steps=60, learning_rate=1e-2)
    losses = [record.loss for record in TRAININGS[name](model, reference, batches, config)]
    _, metrics = evaluate_pairs(model, reference, batches(0), beta=1.0)
    assert metrics.accuracy == 1
    assert metrics.margin > 5
    assert losses[-1] < losses[0]


DRIVER = """
import json
from test_dpo_training import CPU, four_records
from gpt.runs.processes import process_group, rank

with process_group(CPU):
    losses = four_records()
    if rank() == 0:
        print("LOSSES", json.dumps(losses))
"""


def four_records():
    """Losses and metrics of four steps; with two processes, one has 2 micro-batches and one 1."""
    model = policy(torch.float32)
    batches = pair_batches(PAIRS, EpochSampler(4, 3, seed=0), 1, CPU)
    config = LoopConfig(steps=4, learning_rate=1e-2)
    records = train_dpo(model, make_reference(model), batches, config)
    return [[record.loss, record.chosen_reward, record.accuracy] for record in records]


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
    two, one = json.loads(found), four_records()
    for ours, theirs in zip(one, two, strict=True):
        assert theirs == pytest.approx(ours, abs=1e-5)
    assert one[0][0] == pytest.approx(math.log(2), abs=1e-6) and one[-1][0] < one[0][0] - 0.01
