"""GRPO as a whole: it learns, it resumes to the bit, and a phase by hand."""

from contextlib import closing
from dataclasses import replace
from functools import partial

import pytest
import torch

from gpt.model.config import GPTConfig
from gpt.policy.kl import k1
from gpt.policy.policy import Policy, make_reference
from gpt.policy.rollouts import Rollout, align_answers
from gpt.policy.rows import pad_examples, prompt_answer_example
from gpt.runs.checkpoints import newest_checkpoint
from gpt.training.loop import LoopConfig
from reasoning.grpo import grpo as grpo_module
from reasoning.grpo.config import GRPOHyperparameters
from reasoning.grpo.grpo import grpo
from reasoning.grpo.losses import GROUP_LOSSES

SHAPE = GPTConfig(vocab_size=6, context=16, n_layers=1, n_heads=2, d_model=16, d_ff=32)
STOP = 5
CONFIG = GRPOHyperparameters(
    n_phases=6, prompts_per_phase=2, group_size=4, max_new_tokens=4, n_epochs=2, n_minibatches=2
)
LOOP = LoopConfig(
    learning_rate=1e-2,
    weight_decay=0.0,
    warmup_ratio=0.0,
    min_lr_ratio=1.0,
    save_every=1,
    beta2=0.99,
)


def new_policy(dropout=0.0, seed=0):
    torch.manual_seed(seed)
    return Policy(replace(SHAPE, dropout=dropout))


def share_of_threes(rollout):
    """The reward: how many tokens of an answer are 3."""
    answers = [answer for _, answer in rollout.prompts_and_answers()]
    return torch.tensor([answer.count(3) / max(len(answer), 1) for answer in answers])


def prompts(phase, n=2):
    return [[1, 2], [0]] * (n // 2)


def run_grpo(policy, **changes):
    config = replace(CONFIG, **changes.pop("config", {}))
    some = partial(prompts, n=config.prompts_per_phase)
    score, loop = changes.pop("score", share_of_threes), changes.pop("loop", LOOP)
    reference = changes.pop("reference", None)
    return grpo(policy, reference, score, some, STOP, config, loop, **changes)


def weights_after(policy, **changes):
    list(run_grpo(policy, **changes))
    return torch.cat([weight.detach().flatten() for weight in policy.parameters()])


@pytest.mark.parametrize("loss", GROUP_LOSSES)
def test_the_score_rises_with_every_loss(loss):
    wide = {"epsilon_low": 0.2, "epsilon_high": 0.2} if loss == "gspo" else {}
    options = {"n_phases": 25, "prompts_per_phase": 8, "loss": loss, **wide}
    records = list(run_grpo(new_policy(), config=options))
    assert [record.step for record in records] == list(range(1, 26))
    assert records[-1].score > records[0].score + 0.4
    assert all(0 <= record.flat <= 1 and 0 <= record.clipped <= 1 for record in records)
    assert records[-1].entropy < records[0].entropy


def test_a_resumed_run_ends_with_the_same_bits(tmp_path):
    options = {"kl_coef": 0.1, "skip_flat_groups": True}
    whole, parts, resumed = new_policy(), new_policy(), new_policy()
    reference = make_reference(new_policy(seed=1))
    records = list(run_grpo(whole, config=options, reference=reference))
    with closing(run_grpo(parts, config=options, reference=reference, folder=tmp_path)) as some:
        while next(some).step < 3:
            pass
    found = newest_checkpoint(tmp_path)
    assert found is not None
    start = found[0]
    again = list(run_grpo(resumed, config=options, reference=reference, start=start))
    assert again == records[3:]
    pairs = zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_checkpoints_are_saved_between_phases_only(tmp_path):
    with closing(run_grpo(new_policy(), folder=tmp_path)) as records:
        assert next(records).step == 1
    found = newest_checkpoint(tmp_path)
    assert found is not None and found[0].values["step"] == CONFIG.updates_per_phase
    assert CONFIG.loop_config(replace(LOOP, save_every=9)).save_every == 8


@pytest.mark.parametrize("loss", GROUP_LOSSES)
def test_micro_batches_of_any_size_give_the_same_update(loss):
    """Answers have unequal lengths, so a mean of means over micro-batches would differ."""

    def after(size):
        policy = new_policy().double()
        options = {"n_phases": 1, "prompts_per_phase": 4, "loss": loss, "kl_coef": 0.1}
        options |= {"n_minibatches": 1, "n_epochs": 3}
        reference = make_reference(new_policy(seed=1).double())
        score = lambda rollout: share_of_threes(rollout).double()  # noqa: E731
        changes = {"config": options, "micro_batch_size": size, "reference": reference}
        return weights_after(policy, score=score, **changes)

    whole = after(16)
    for size in (8, 4, 5, 1):
        torch.testing.assert_close(after(size), whole, rtol=0, atol=1e-10)
    start = torch.cat([weight.flatten() for weight in new_policy().double().parameters()])
    assert (whole - start).abs().max() > 1e-3


def rollout_by_hand():
    """Two groups of two: answers of 2, 4, 1 and 2 tokens, of which 1, 2, 0 and 2 are a 3."""
    answers = [([1, 2], [3, STOP]), ([1, 2], [3, 3, 1, 4]), ([0], [STOP]), ([0], [3, 3])]
    rows = pad_examples([prompt_answer_example(*each) for each in answers])
    with torch.no_grad():
        logprobs = align_answers(new_policy()(*rows[:2]), rows, width=4)
    return Rollout(rows, torch.tensor([True, False, True, False]), logprobs)


ONE_UPDATE = {"n_phases": 1, "group_size": 2, "n_epochs": 1, "n_minibatches": 1}


@pytest.fixture
def by_hand(monkeypatch):
    """Every rollout is the one by hand, whatever the policy."""
    monkeypatch.setattr(grpo_module, "rollout", lambda *_: rollout_by_hand())


@pytest.fixture
def batches(monkeypatch):
    """The batches that updates are measured against, and the losses of all micro-batches."""
    seen, loss = [], grpo_module.minibatch_loss

    def recorded(policy, batch, config):
        found = loss(policy, batch, config)
        seen.append((batch, found))
        return found

    monkeypatch.setattr(grpo_module, "minibatch_loss", recorded)
    return seen


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_phase_by_hand_with_padding_dropout_and_in_half_precision(by_hand, precision):
    """Scores 1 and 1/2, then 0 and 1: advantages +1 and -1 times a number, so the loss is 0."""
    policy = new_policy(dropout=0.5).train()
    reference = make_reference(policy)
    loop, options = replace(LOOP, precision=precision), ONE_UPDATE | {"kl_coef": 0.1}
    [record] = run_grpo(policy, config=options, loop=loop, reference=reference)
    assert (record.score, record.stopped, record.length) == (0.625, 0.5, 2.25)
    assert (record.flat, record.clipped) == (0, 0)
    assert abs(record.kl) < 1e-5 and abs(record.loss) < 1e-5
    assert record.entropy == pytest.approx(torch.tensor(6.0).log().item(), abs=0.3)


def test_one_advantage_and_length_per_answer(by_hand, batches):
    next(run_grpo(new_policy(), config=ONE_UPDATE | {"scaling": "none"}))
    [(batch, found)] = batches
    order = [2, 3, 0, 1]  # shortest row first
    assert batch.mask.int().sum(1).tolist() == [1, 2, 2, 4]
    expected = torch.tensor([0.25, -0.25, -0.5, 0.5])[order]
    torch.testing.assert_close(batch.advantages, expected, rtol=0, atol=1e-6)
    assert batch.divisors.tolist() == [1, 2, 2, 4]
    assert found.loss.terms == 4 and (batch.old_logprobs[~batch.mask] == 0).all()


def flat_first_group(rollout):
    return torch.tensor([1.0, 1.0, 0.0, 1.0])


def test_skipping_flat_groups_leaves_their_answers_out_of_the_divisor(by_hand, batches):
    [kept, skipped] = [
        next(run_grpo(new_policy(), score=flat_first_group, config=ONE_UPDATE | options))
        for options in ({"loss": "dapo"}, {"loss": "dapo", "skip_flat_groups": True})
    ]
    assert kept.flat == skipped.flat == 0.5
    (first, loss), (second, smaller) = batches
    # 9 tokens of 4 answers; without the first group, 3 tokens of 2
    assert (loss.loss.terms, set(first.divisors.tolist())) == (4, {2.25})
    assert (smaller.loss.terms, set(second.divisors.tolist())) == (2, {1.5})
    assert skipped.grad_norm == pytest.approx(kept.grad_norm * 9 / 3, rel=1e-4)


def test_if_all_groups_are_flat_none_is_skipped(by_hand, batches):
    flat = lambda rollout: torch.ones(4)  # noqa: E731
    [record] = run_grpo(new_policy(), score=flat, config=ONE_UPDATE | {"skip_flat_groups": True})
    assert record.flat == 1 and batches[0][1].loss.terms == 4


def test_old_log_probabilities_are_those_of_the_rollout_in_all_epochs(by_hand, batches):
    options = ONE_UPDATE | {"n_epochs": 4}
    [record] = run_grpo(new_policy(), config=options)
    olds = [batch.old_logprobs for batch, _ in batches]
    assert len(olds) == 4 and all(torch.equal(old, olds[0]) for old in olds)
    losses = [found.loss.total.item() for _, found in batches]
    assert abs(losses[0]) < 1e-6 and losses[-1] < -0.1  # the ratio is 1 in the first epoch only
    assert record.clipped > 0.1


def test_a_flat_reward_moves_no_weight_without_a_kl():
    policy, flat = new_policy(), lambda rollout: torch.ones(8)
    before = [weight.clone() for weight in policy.parameters()]
    records = list(run_grpo(policy, score=flat))
    assert all(torch.equal(a, b) for a, b in zip(before, policy.parameters(), strict=True))
    assert all((record.grad_norm, record.flat) == (0, 1) for record in records)


@pytest.mark.parametrize("loss", GROUP_LOSSES)
def test_a_flat_reward_moves_the_policy_through_the_kl_towards_the_reference(loss):
    policy, other, flat = new_policy(), new_policy(seed=1), lambda rollout: torch.ones(64)
    with torch.no_grad():
        other.embedding.weight *= 4  # likes some tokens more than others
    reference = make_reference(other)
    options = {"prompts_per_phase": 16, "kl_coef": 1.0, "loss": loss, "n_phases": 25}
    records = list(run_grpo(policy, score=flat, reference=reference, config=options))
    assert records[0].kl > 0.1
    assert records[-1].kl < 0.3 * records[0].kl


def test_without_a_reference_the_kl_is_0():
    assert [record.kl for record in run_grpo(new_policy())] == [0] * 6


def test_the_kl_is_that_of_the_policy_from_the_reference(by_hand):
    policy, reference = new_policy(), make_reference(new_policy(seed=1))
    rows = rollout_by_hand().rows
    with torch.no_grad():
        far = k1(policy(*rows[:2]), reference(*rows[:2]), rows.mask[:, 1:]).sum() / 4
    [record] = run_grpo(policy, reference=reference, config=ONE_UPDATE | {"kl_coef": 0.1})
    assert record.kl == pytest.approx(far.item(), abs=1e-6) and abs(record.kl) > 1e-3


def test_minibatches_of_an_epoch_take_every_row_once(batches):
    next(run_grpo(new_policy()))
    numbers = [batch.old_logprobs.sum(dim=1).tolist() for batch, _ in batches]
    assert [len(each) for each in numbers] == [4] * 4
    first, second = (sorted(numbers[n] + numbers[n + 1]) for n in (0, 2))
    assert first == second and numbers[:2] != numbers[2:]


def test_limits_are_those_of_the_loss_unless_they_are_given():
    assert replace(CONFIG, loss="dapo").group_loss[2:] == (0.2, 0.28)
    assert replace(CONFIG, loss="dapo", epsilon_high=0.5).group_loss[2:] == (0.2, 0.5)
