from dataclasses import replace

import pytest

pytest.importorskip("trl", reason="baselines: needs the extra baselines")

from finetune import baselines
from finetune.comparison import trainers
from finetune.comparison.interleaved import TINY_BENCHMARK
from finetune.dpo.losses import dpo_loss
from finetune.dpo.margins import sum_logprob
from finetune.dpo.pairs import TokenPair
from finetune.sft import training as sft_training
from gpt.comparison.baselines import training_arguments
from gpt.training.accumulation import LossSum

pytestmark = pytest.mark.baselines

SHORT = replace(TINY_BENCHMARK, timed_steps=0, checked_steps=3, batch_size=4, max_tokens=9)
PAIRS = [TokenPair([17, 4, 9], [5, 0], [1000, 2, 0]), TokenPair([3], [8, 6, 7, 0], [0])]


def test_the_trainer_reads_the_same_token_ids_as_we_do(tmp_path):
    models = baselines.llama_model("tiny"), baselines.llama_model("tiny")
    arguments = training_arguments(tmp_path, 1, 2, 1e-4)
    found = baselines.dpo_trainer(*models, PAIRS, arguments).train_dataset
    columns = ("prompt_ids", "chosen_ids", "rejected_ids")
    assert [TokenPair(*(row[name] for name in columns)) for row in found] == PAIRS


def test_the_prompt_has_no_labels_in_sft(tmp_path):
    trainer = baselines.sft_trainer(
        baselines.llama_model("tiny"),
        trainers.chosen_examples(PAIRS),
        training_arguments(tmp_path, 1, 2, 1e-4),
    )
    (batch,) = trainer.get_train_dataloader()
    excluded = -100
    assert batch["labels"].tolist() == [
        [excluded, excluded, excluded, 5, 0],
        [excluded, 8, 6, 7, 0],
    ]


def test_trainers_use_full_precision_without_activation_checkpointing(tmp_path):
    models = baselines.llama_model("tiny"), baselines.llama_model("tiny")
    arguments = training_arguments(tmp_path, 1, 2, 1e-4)
    args = baselines.dpo_trainer(*models, PAIRS, arguments).args
    assert not args.bf16 and not args.fp16 and not args.gradient_checkpointing
    assert (args.weight_decay, args.max_grad_norm, args.adam_beta2) == (0, 1, 0.999)


@pytest.mark.parametrize("stage", [trainers.sft_trainer_rows, trainers.reward_trainer_rows])
def test_losses_and_weights_are_equal(stage):
    rows = stage(SHORT, floor=1.2)
    assert [row.name.split(": ")[1] for row in rows] == ["losses", "weights"]
    assert [row.name for row in rows if not row.is_equal] == []
    assert all(row.speedup is None and row.floor is None for row in rows)


@pytest.mark.parametrize("kind", ["sigmoid", "ipo", "robust"])
def test_losses_and_weights_of_dpo_are_equal(kind):
    rows = trainers.dpo_trainer_rows(SHORT, 1.3, kind)
    assert [row.name for row in rows if not row.is_equal] == []


def test_another_beta_is_found(monkeypatch):
    def twice_the_beta(policy_margin, reference_margin, beta):
        return dpo_loss(policy_margin, reference_margin, 2 * beta)

    other = {"sigmoid": (twice_the_beta, sum_logprob)}
    monkeypatch.setattr(trainers, "dpo_losses", lambda: other)
    losses, weights = trainers.dpo_trainer_rows(SHORT, 1.3)
    assert not losses.is_equal and not weights.is_equal


def test_a_loss_that_includes_the_prompt_makes_the_losses_unequal(monkeypatch):
    def loss_of_all_tokens(model, rows):
        logprobs = model(rows.tokens, rows.tokens > 0)
        return LossSum(-logprobs.sum(), int((rows.tokens[:, 1:] > 0).sum()))

    monkeypatch.setattr(sft_training, "sft_loss", loss_of_all_tokens)
    assert not trainers.sft_trainer_rows(SHORT, 1.2)[0].is_equal


def test_a_timed_row_has_the_median_times_of_the_steps_after_the_checked_ones():
    losses, weights = trainers.sft_trainer_rows(replace(SHORT, timed_steps=2), floor=1.2)
    assert losses.is_equal and losses.floor == 1.2
    assert losses.ours_s > 0 and losses.library_s > 0
    assert weights.speedup is None
