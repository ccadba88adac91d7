"""PPO as a whole: it learns, it resumes to the bit, and a phase by hand."""

import copy
from contextlib import closing
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch.distributions import Categorical

from finetune.ppo import ppo as ppo_module
from finetune.ppo.actor_critic import ActorCritic
from finetune.ppo.config import PPOHyperparameters
from finetune.ppo.ppo import ppo
from finetune.reward.scorer import as_scorer
from gpt.errors import BadInput
from gpt.model.config import GPTConfig
from gpt.model.gpt import GPT
from gpt.policy.policy import Policy, make_reference, share_layers_as, without_dropout
from gpt.policy.rollouts import Rollout, align_answers, aligned_answer_mask
from gpt.policy.rows import Rows, pad_examples, prompt_answer_example
from gpt.runs.checkpoints import newest_checkpoint
from gpt.training.loop import LoopConfig

SHAPE = GPTConfig(vocab_size=6, context=16, n_layers=1, n_heads=2, d_model=16, d_ff=32)
STOP = 5
CONFIG = PPOHyperparameters(
    n_phases=6, prompts_per_phase=8, max_new_tokens=4, n_epochs=2, n_minibatches=2, kl_coef=0.02
)
LOOP = LoopConfig(
    learning_rate=1e-2,
    weight_decay=0.0,
    warmup_ratio=0.0,
    min_lr_ratio=1.0,
    save_every=1,
    beta2=0.99,
)


def new_models(dropout=0.0):
    torch.manual_seed(0)
    model = GPT(replace(SHAPE, dropout=dropout))
    policy, critic = share_layers_as(Policy, model), as_scorer(copy.deepcopy(model))
    return ActorCritic(policy, critic, CONFIG.kl_coef)


def reference():
    return make_reference(new_models().policy)


def share_of_threes(rollout):
    """The reward: how many tokens of an answer are 3."""
    answers = [answer for _, answer in rollout.prompts_and_answers()]
    return torch.tensor([answer.count(3) / max(len(answer), 1) for answer in answers])


def prompts(phase, n=8):
    return [[1, 2], [0]] * (n // 2)


def run_ppo(models, **changes):
    config = replace(CONFIG, **changes.pop("config", {}))
    some = partial(prompts, n=config.prompts_per_phase)
    score, loop = changes.pop("score", share_of_threes), changes.pop("loop", LOOP)
    frozen = changes.pop("reference", None) or reference()
    return ppo(models, frozen, score, some, STOP, config, loop, **changes)


def test_the_score_rises_and_the_kl_stays_finite():
    records = list(run_ppo(new_models(), config={"n_phases": 30, "prompts_per_phase": 32}))
    assert [record.step for record in records] == list(range(1, 31))
    assert records[0].kl == pytest.approx(0, abs=1e-6)  # policy and reference agree at first
    assert records[-1].score > records[0].score + 0.4
    assert 0 < records[-1].kl < 20


def test_a_large_kl_coefficient_keeps_the_policy_near_its_reference():
    far = list(run_ppo(new_models(), config={"n_phases": 15, "prompts_per_phase": 32}))[-1]
    models = new_models()
    models.beta.fill_(5.0)
    near = list(run_ppo(models, config={"n_phases": 15, "prompts_per_phase": 32}))[-1]
    assert near.kl < 0.2 * far.kl


def test_a_resumed_run_ends_with_the_same_bits(tmp_path):
    adaptive = {"target_kl": 0.05, "kl_horizon": 20}
    whole, parts, resumed = new_models(), new_models(), new_models()
    betas = [record.beta for record in run_ppo(whole, config=adaptive)]
    assert len(set(betas)) > 3  # the coefficient adapts, so a checkpoint must keep it
    with closing(run_ppo(parts, config=adaptive, folder=tmp_path)) as records:
        while next(records).step < 3:
            pass
    found = newest_checkpoint(tmp_path)
    assert found is not None
    start = found[0]
    again = [record.beta for record in run_ppo(resumed, config=adaptive, start=start)]
    assert again == betas[3:]
    pairs = zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_answers_move_to_column_0_by_hand():
    x = torch.tensor([[1.0, 2, 3, 4], [5, 6, 7, 8]])
    mask = torch.tensor([[0, 0, 0, 1, 1], [0, 0, 1, 0, 0]]).bool()
    rows = Rows(torch.zeros(2, 5).long(), mask, torch.tensor([5, 3]))
    assert align_answers(x, rows, 2).tolist() == [[3, 4], [6, 0]]
    assert align_answers(x, rows, 3).tolist() == [[3, 4, 0], [6, 0, 0]]
    assert aligned_answer_mask(rows).int().tolist() == [[1, 1], [1, 0]]


def rollout_by_hand():
    rows = pad_examples(
        [prompt_answer_example([1, 2], [3, STOP]), prompt_answer_example([0], [3, 3, 1, 4])]
    )
    # PPO does not read the log-probabilities of the sampling
    return Rollout(rows, torch.tensor([True, False]), torch.zeros(2, 0))


ONE_UPDATE = {"n_phases": 1, "prompts_per_phase": 2, "n_epochs": 1, "n_minibatches": 1}


@pytest.fixture
def by_hand(monkeypatch):
    """Every rollout is the one by hand, whatever the policy."""
    monkeypatch.setattr(ppo_module, "rollout", lambda *_: rollout_by_hand())


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_phase_by_hand_with_padding_dropout_and_in_half_precision(by_hand, precision):
    """The critic predicts 0 and the policy is its reference: rewards are scores at the last token.

    Whitened advantages have the mean 0, so with all ratios at 1 the policy loss is 0.
    """
    models = new_models(dropout=0.5).train()
    options = ONE_UPDATE | {"missing_stop_penalty": 0.25, "gae_lambda": 1.0}
    loop = replace(LOOP, precision=precision)
    frozen = make_reference(models.policy)
    [record] = run_ppo(models, config=options, loop=loop, reference=frozen)
    # answer 1 is [3, stop], of which 1 of 1 words is a 3; answer 2 has 2 of 4 and did not stop
    assert (record.score, record.stopped, record.length) == (0.75, 0.5, 3)
    assert abs(record.kl) < 1e-5
    assert record.explained == pytest.approx(
        1 - (2 * 1 + 4 / 16) / 6 / 0.125
    )  # of 1, 1 and 4 x 1/4
    mean_square = (2 * 1.0 + 4 * 0.25**2) / 6  # returns: twice 1, and four times 0.5 - 0.25
    assert record.loss == pytest.approx(0.1 * 0.5 * mean_square, abs=1e-5)


def test_updates_are_measured_against_the_numbers_of_the_rollout(by_hand, monkeypatch):
    batches, made = [], ppo_module.RolloutBatch

    def recorded(*parts):
        batches.append(made(*parts))
        return batches[-1]

    monkeypatch.setattr(ppo_module, "RolloutBatch", recorded)
    options = ONE_UPDATE | {"missing_stop_penalty": 0.25, "gae_lambda": 1.0}
    next(run_ppo(new_models(), config=options))
    batch = batches[0]
    assert batch.mask.int().tolist() == [[1, 1, 0, 0], [1, 1, 1, 1]]
    torch.testing.assert_close(batch.returns, torch.tensor([[1, 1, 0, 0], [0.25] * 4]))
    assert batch.advantages[batch.mask].mean().item() == pytest.approx(0, abs=1e-6)
    assert (batch.advantages[~batch.mask] == 0).all()
    assert batch.old_logprobs.dtype == torch.float32 and (batch.old_values == 0).all()


def test_padding_of_any_kind_changes_no_update(monkeypatch):
    rows, stopped, unread = rollout_by_hand()
    wider = [
        torch.nn.functional.pad(each, (0, 3), value=value)
        for each, value in ((rows.tokens, 4), (rows.mask, 0))
    ]
    padded_more = Rollout(rows._replace(tokens=wider[0], mask=wider[1].bool()), stopped, unread)
    found = []
    for answers in (rollout_by_hand(), padded_more):
        monkeypatch.setattr(ppo_module, "rollout", lambda *_, answers=answers: answers)
        models = new_models()
        [record] = run_ppo(models, config=ONE_UPDATE | {"n_epochs": 3})
        found.append(([record.loss, record.kl, record.entropy], models.state_dict()))
    (ours, our_weights), (theirs, their_weights) = found
    assert theirs == pytest.approx(ours, abs=1e-6)
    for name, weight in our_weights.items():
        torch.testing.assert_close(their_weights[name], weight)


def test_a_reference_has_no_dropout_and_keeps_no_gradient():
    model = new_models(dropout=0.5).policy.train()
    rows = pad_examples([prompt_answer_example([0], [1, 2, 3])])
    logprobs = make_reference(model)(rows.tokens, rows.mask)
    assert not logprobs.requires_grad
    torch.testing.assert_close(logprobs, model.eval()(rows.tokens, rows.mask).detach())


def test_if_all_returns_are_equal_the_explained_variance_is_0(by_hand):
    models, options = new_models(), ONE_UPDATE | {"missing_stop_penalty": 0.0}
    frozen = make_reference(models.policy)
    zeros = lambda rollout: torch.zeros(2)  # noqa: E731
    [record] = run_ppo(models, config=options, score=zeros, reference=frozen)
    assert record.explained == pytest.approx(0, abs=1e-6)


def test_minibatches_of_an_epoch_take_every_row_once(monkeypatch):
    seen, loss = [], ppo_module.minibatch_loss

    def recorded(models, batch, config):
        seen.append(batch.rows.tokens[:, :2].tolist())
        return loss(models, batch, config)

    monkeypatch.setattr(ppo_module, "minibatch_loss", recorded)
    next(run_ppo(new_models()))
    assert [len(rows) for rows in seen] == [4] * 4
    first, second = (sorted(seen[n] + seen[n + 1]) for n in (0, 2))
    assert first == second and seen[:2] != seen[2:]


def test_checkpoints_are_saved_between_phases_only(tmp_path):
    with closing(run_ppo(new_models(), folder=tmp_path)) as records:
        assert next(records).step == 1
    found = newest_checkpoint(tmp_path)
    assert found is not None and found[0].values["step"] == CONFIG.updates_per_phase
    assert CONFIG.loop_config(replace(LOOP, save_every=5)).save_every == 4
    assert CONFIG.loop_config(replace(LOOP, save_every=9)).save_every == 8


def test_entropy_and_log_probabilities_are_those_of_the_whole_distribution():
    models, rows = new_models().double(), rollout_by_hand().rows
    outputs = models(rows.tokens, rows.mask)
    scores = GPT.forward(models.policy, rows.tokens)[:, :-1]
    kept = rows.mask[:, 1:]
    expected = Categorical(logits=scores).entropy() * kept
    torch.testing.assert_close(outputs.entropy, expected, rtol=0, atol=1e-12)
    with without_dropout(models.policy):
        torch.testing.assert_close(
            outputs.logprobs, models.policy(rows.tokens, rows.mask), rtol=0, atol=1e-6
        )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_phases": 0}, "n_phases must be at least 1, got 0"),
        ({"max_new_tokens": 0}, "max_new_tokens must be at least 1"),
        (
            {"prompts_per_phase": 3, "n_minibatches": 4},
            "3 prompts per phase cannot be split into 4 minibatches",
        ),
        ({"gamma": 1.5}, r"gamma must lie in \[0, 1\]"),
        ({"clip_epsilon": 0.0}, "clip_epsilon must be a positive number"),
        ({"kl_coef": -0.1}, "kl_coef must be a number from 0 up"),
        ({"target_kl": 1.0, "kl_horizon": 1}, "8 prompts per phase need a kl_horizon above 1.6"),
    ],
)
def test_hyperparameters_out_of_range_are_refused(change, message):
    with pytest.raises(BadInput, match=message):
        replace(CONFIG, **change)
