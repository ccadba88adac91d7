"""PPO as a whole: it learns, it resumes to the bit, and what it is taught with adds up."""

import copy
import math
from contextlib import closing
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch.distributions import Categorical

from finetune.conversations.rows import pad_examples, prompt_answer_example
from finetune.dpo.training import without_dropout
from finetune.ppo.actor_critic import ActorCritic, entropy
from finetune.ppo.phases import align_answers, aligned_answer_mask, make_reference, score_rollout
from finetune.ppo.ppo import PhaseBatches, PPOConfig, minibatch_loss, ppo
from finetune.ppo.rollouts import Rollout, rollout
from finetune.reward.scorer import as_scorer
from finetune.sft.policy import Policy, share_layers_as
from gpt.errors import BadInput
from gpt.model.config import GPTConfig
from gpt.model.gpt import GPT
from gpt.runs.checkpoints import newest_checkpoint
from gpt.runs.passes import autocast
from gpt.training.loop import LoopConfig

SHAPE = GPTConfig(vocab_size=6, context=16, n_layers=1, n_heads=2, d_model=16, d_ff=32)
STOP = 5
CONFIG = PPOConfig(phases=6, prompts=8, room=4, epochs=2, minibatches=2, beta=0.02)
LOOP = LoopConfig(
    learning_rate=1e-2, weight_decay=0.0, warmup=0.0, final_rate=1.0, save_every=1, beta2=0.99
)


def new_models(dropout=0.0):
    torch.manual_seed(0)
    model = GPT(replace(SHAPE, dropout=dropout))
    policy, critic = share_layers_as(Policy, model), as_scorer(copy.deepcopy(model))
    return ActorCritic(policy, critic, CONFIG.beta)


def reference():
    return make_reference(new_models().policy)


def share_of_threes(rollout):
    """The reward: how many tokens of an answer are 3."""
    answers = [answer for _, answer in rollout.texts()]
    return torch.tensor([answer.count(3) / max(len(answer), 1) for answer in answers])


def prompts(phase, n=8):
    return [[1, 2], [0]] * (n // 2)


def course(models, **changes):
    config = replace(CONFIG, **changes.pop("config", {}))
    some = partial(prompts, n=config.prompts)
    return ppo(models, reference(), share_of_threes, some, STOP, config, LOOP, **changes)


def test_the_score_rises_and_the_kl_stays_finite():
    records = list(course(new_models(), config={"phases": 30, "prompts": 32}))
    assert [record.step for record in records] == list(range(1, 31))
    assert records[0].kl == pytest.approx(0, abs=1e-6)  # policy and reference agree at first
    assert records[-1].score > records[0].score + 0.4
    assert 0 < records[-1].kl < 20


def test_a_high_price_keeps_the_policy_at_home():
    far = list(course(new_models(), config={"phases": 15, "prompts": 32}))[-1]
    models = new_models()
    models.beta.fill_(5.0)
    near = list(course(models, config={"phases": 15, "prompts": 32}))[-1]
    assert near.kl < 0.2 * far.kl


def test_a_resumed_run_ends_with_the_same_bits(tmp_path):
    adaptive = {"target_kl": 0.05, "horizon": 20}
    whole, parts, resumed = new_models(), new_models(), new_models()
    betas = [record.beta for record in course(whole, config=adaptive)]
    assert len(set(betas)) > 3  # the price moves, so it must be kept too
    with closing(course(parts, config=adaptive, folder=tmp_path)) as records:
        while next(records).step < 3:
            pass
    start, _ = newest_checkpoint(tmp_path)
    again = [record.beta for record in course(resumed, config=adaptive, start=start)]
    assert again == betas[3:]
    pairs = zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_answers_move_to_column_0_by_hand():
    x = torch.tensor([[1.0, 2, 3, 4], [5, 6, 7, 8]])
    mask = torch.tensor([[0, 0, 1, 1], [0, 1, 0, 0]]).bool()
    assert align_answers(x, mask).tolist() == [[3, 4], [6, 0]]
    assert aligned_answer_mask(mask).int().tolist() == [[1, 1], [1, 0]]


def rollout_by_hand():
    rows = pad_examples(
        [prompt_answer_example([1, 2], [3, STOP]), prompt_answer_example([0], [3, 3, 1, 4])]
    )
    return Rollout(rows, torch.tensor([True, False]))


def test_a_lesson_by_hand_with_padding():
    """A critic that says nothing and a policy at home: rewards are scores at the last token."""
    models = new_models()
    made, outcome = score_rollout(
        models, reference(), share_of_threes, rollout_by_hand(), missing_stop=0.25, lam=1.0
    )
    # answer 1 is [3, stop] of which 1 of 1 words is a 3; answer 2 has 2 of 4 and did not stop
    assert made.mask.int().tolist() == [[1, 1, 0, 0], [1, 1, 1, 1]]
    torch.testing.assert_close(made.returns, torch.tensor([[1, 1, 0, 0], [0.25] * 4]))
    assert outcome.score == pytest.approx(0.75)
    assert outcome.stopped == 0.5
    assert outcome.length == 3
    assert made.advantages[made.mask].mean().item() == pytest.approx(0, abs=1e-6)
    assert (made.advantages[~made.mask] == 0).all()


def test_padding_of_any_kind_changes_no_lesson():
    rows, stopped = rollout_by_hand()
    wider = [
        torch.nn.functional.pad(each, (0, 3), value=value)
        for each, value in ((rows.tokens, 4), (rows.mask, 0))
    ]
    padded_more = Rollout(rows._replace(tokens=wider[0], mask=wider[1].bool()), stopped)
    models = new_models()
    ours, _ = score_rollout(models, reference(), share_of_threes, rollout_by_hand())
    theirs, _ = score_rollout(models, reference(), share_of_threes, padded_more)
    torch.testing.assert_close(theirs.advantages, ours.advantages)
    torch.testing.assert_close(theirs.old_logprobs, ours.old_logprobs)


def test_a_reference_drops_nothing_out_and_keeps_no_gradient():
    model = new_models(dropout=0.5).policy.train()
    rows = pad_examples([prompt_answer_example([0], [1, 2, 3])])
    said = make_reference(model)(rows)
    assert not said.requires_grad
    torch.testing.assert_close(said, model.eval()(rows.tokens, rows.mask).detach())


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_first_update_has_the_ratio_one_with_dropout_and_in_half_precision(precision):
    models, loop = new_models(dropout=0.5).train(), LoopConfig(precision=precision)
    phases = PhaseBatches(models, reference(), share_of_threes, prompts, STOP, CONFIG, loop)
    [piece] = phases(0)
    with autocast("cpu", precision):
        total, terms = minibatch_loss(models, piece, CONFIG)
    policy_part = -(piece.advantages.sum() / terms)
    value_part = 0.5 * ((piece.old_values - piece.returns) ** 2)[piece.mask].mean()
    expected = policy_part + CONFIG.value_weight * value_part
    assert (total / terms).item() == pytest.approx(expected.item(), abs=1e-5)


def test_in_half_precision_a_policy_that_is_its_reference_has_no_kl():
    models = new_models()
    made = rollout(models.policy, prompts(0), 4, STOP, torch.Generator().manual_seed(0))
    with autocast("cpu", "bf16"):
        learned, outcome = score_rollout(
            models, make_reference(models.policy), share_of_threes, made
        )
    assert learned.old_logprobs.dtype == torch.float32
    assert abs(outcome.kl) < 1e-5


def test_a_critic_that_foresees_nothing_of_rewards_that_are_all_alike_explains_nothing():
    models = new_models()
    reference, made = make_reference(models.policy), rollout_by_hand()
    _, outcome = score_rollout(
        models, reference, lambda made: torch.zeros(2), made, missing_stop=0.0
    )
    assert outcome.explained == 0


def test_minibatches_of_an_epoch_take_every_row_once():
    models = new_models()
    phases = PhaseBatches(models, reference(), share_of_threes, prompts, STOP, CONFIG, LoopConfig())
    for epoch in range(2):
        pieces = [phases(2 * epoch + place)[0] for place in range(2)]
        rows = torch.cat([piece.rows.tokens[:, :2] for piece in pieces]).tolist()
        assert sorted(rows) == sorted(phases.lesson.rows.tokens[:, :2].tolist())


def test_entropy_by_hand():
    # 1/2 ln 2 + 2 * 1/4 ln 4, and the most that three tokens can have
    log_p = torch.tensor([[[0.5, 0.25, 0.25], [1 / 3, 1 / 3, 1 / 3]]]).log()
    expected = torch.tensor([[1.5 * math.log(2), math.log(3)]])
    torch.testing.assert_close(entropy(log_p), expected, rtol=0, atol=1e-6)


def test_entropy_and_log_probabilities_are_those_of_the_whole_distribution():
    models, rows = new_models().double(), rollout_by_hand().rows
    outlook = models(rows.tokens, rows.mask)
    scores = GPT.forward(models.policy, rows.tokens)[:, :-1]
    kept = rows.mask[:, 1:]
    expected = Categorical(logits=scores).entropy() * kept
    torch.testing.assert_close(outlook.entropy, expected, rtol=0, atol=1e-12)
    with without_dropout(models.policy):
        torch.testing.assert_close(
            outlook.logprobs, models.policy(rows.tokens, rows.mask), rtol=0, atol=1e-6
        )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"phases": 0}, "phases must be at least 1, got 0"),
        ({"room": 0}, "room must be at least 1"),
        ({"prompts": 3, "minibatches": 4}, "3 prompts cannot be cut into 4 minibatches"),
        ({"gamma": 1.5}, r"gamma must lie in \[0, 1\]"),
        ({"epsilon": 0.0}, "epsilon must be a positive number"),
        ({"beta": -0.1}, "beta must be a number from 0 up"),
        ({"target_kl": 1.0, "horizon": 1}, "8 prompts a phase want a horizon above 1.6"),
    ],
)
def test_settings_that_make_no_phase_are_refused(change, message):
    with pytest.raises(BadInput, match=message):
        replace(CONFIG, **change)
