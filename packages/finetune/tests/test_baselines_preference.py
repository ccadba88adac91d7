"""Every preference loss against trl's `compute_loss`, on the trainers' own batches."""

from functools import partial

import pytest

pytest.importorskip("trl", reason="baselines: needs the extra baselines")

import torch

from finetune.comparison import preference_rows
from finetune.comparison.preference_rows import (
    PolicyLoss,
    dpo_loss_rows,
    kto_rows,
    loss_row,
    margin_loss,
    mean_kto_loss,
    orpo_row,
    simpo_row,
)
from finetune.dpo import baselines
from finetune.dpo.losses import conservative_dpo_loss, ipo_loss
from finetune.dpo.margins import mean_logprob, sum_logprob
from finetune.dpo.reference_free import log_odds, odds_ratio_loss, simpo_loss
from finetune.dpo.training import sequence_logprobs
from finetune.dpo.unpaired import KTOHyperparameters, LabelledBatch
from gpt.baselines import small_model
from gpt.comparison.baselines import our_policy

pytestmark = pytest.mark.baselines

BOUND = {"rtol": 0.0, "atol": 1e-5}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Seed the models, and replace timing by constants."""
    torch.manual_seed(0)
    monkeypatch.setattr(preference_rows, "time_interleaved", lambda *_, **__: (1.0, 2.0))


def test_dpo_ipo_robust_and_conservative_losses_and_gradients_equal_trls(tmp_path):
    rows = dpo_loss_rows(tmp_path)
    assert [each.name.split(",")[0] for each in rows] == [
        "DPO", "IPO", "robust DPO", "conservative DPO",
    ]  # fmt: skip
    assert max(each.max_abs_diff for each in rows) < 2e-6
    assert rows[0].library.startswith("trl 1.") and rows[0].ours_s is None


def test_kto_equals_trls_with_a_positive_kl_and_with_one_raised_to_0(tmp_path):
    rows = kto_rows(tmp_path)
    assert sorted(each.name for each in rows) == [
        "KTO, KL raised to 0, loss and gradient",
        "KTO, positive KL, loss and gradient",
    ]
    assert max(each.max_abs_diff for each in rows) < 2e-6
    assert rows[0].speedup == 2


def test_orpo_and_simpo_equal_trls(tmp_path):
    assert orpo_row(tmp_path).max_abs_diff < 2e-6
    assert simpo_row(tmp_path).max_abs_diff < 2e-6


@pytest.mark.parametrize(("beta", "reduction"), [(0.3, sum_logprob), (0.1, mean_logprob)])
def test_sums_for_means_and_another_beta_are_told_apart(tmp_path, beta, reduction):
    policy, reference = small_model("llama"), small_model("llama")
    trainer = baselines.text_dpo_trainer(policy, reference, tmp_path, 0, loss_type="ipo", beta=0.3)
    batch = baselines.first_batch(trainer)
    loss = margin_loss(
        partial(ipo_loss, beta=beta),
        baselines.completion_rows(batch),
        our_policy(reference),
        reduction,
    )
    ours = PolicyLoss(our_policy(policy), loss)
    assert not loss_row("IPO", trainer, batch, ours).is_equal


def test_kto_differs_if_its_two_weights_are_swapped(tmp_path):
    policy, reference = small_model("llama"), small_model("llama")
    weights = {"desirable_weight": 0.8, "undesirable_weight": 1.5}
    trainer = baselines.kto_trainer(policy, reference, tmp_path, 0, beta=0.3, **weights)
    batch = baselines.first_batch(trainer)
    assert batch["label"].tolist() == [True] * 5 + [False] * 3
    rows = baselines.completion_rows(batch), baselines.completion_rows(batch, "KL_")
    with torch.no_grad():
        reference_sums = [sequence_logprobs(our_policy(reference), each) for each in rows]
    inputs = LabelledBatch(*rows, batch["label"]), *reference_sums
    ours = our_policy(policy)
    for weights, is_equal in (((0.8, 1.5), True), ((1.5, 0.8), False)):
        loss = partial(mean_kto_loss, inputs=(*inputs, KTOHyperparameters(0.3, *weights)))
        assert loss_row("", trainer, batch, PolicyLoss(ours, loss)).is_equal == is_equal


def margins():
    """Log-probabilities per token of chosen and rejected answers."""
    chosen, rejected = -torch.rand(2, 50) * 6
    return chosen, rejected


def test_the_odds_ratio_equals_trls_on_numbers_alone(tmp_path):
    trainer = baselines.orpo_trainer(small_model("llama"), tmp_path, 0, beta=1.0)
    chosen, rejected = margins()
    theirs, _, _, _, mean_log_odds = trainer.odds_ratio_loss(chosen, rejected)
    torch.testing.assert_close(odds_ratio_loss(chosen, rejected), -theirs.mean(), **BOUND)
    difference = (log_odds(chosen) - log_odds(rejected)).mean()
    torch.testing.assert_close(difference, mean_log_odds, **BOUND)


def test_simpo_and_the_conservative_loss_equal_cpos_on_numbers_alone(tmp_path):
    chosen, rejected = margins()
    options = {"cpo_alpha": 0.0, "beta": 2.5}
    simpo = baselines.cpo_trainer(
        small_model("llama"), tmp_path, 0, loss_type="simpo", simpo_gamma=1.4, **options
    )
    theirs = simpo.cpo_loss(chosen, rejected)[0].mean()
    torch.testing.assert_close(simpo_loss(chosen, rejected, 2.5, 1.4), theirs, **BOUND)
    smooth = baselines.cpo_trainer(
        small_model("llama"), tmp_path, 0, loss_type="sigmoid", label_smoothing=0.2, **options
    )
    theirs = smooth.cpo_loss(chosen, rejected)[0].mean()
    ours = conservative_dpo_loss(chosen - rejected, torch.zeros(50), 2.5, 0.2)
    torch.testing.assert_close(ours, theirs, **BOUND)
