"""Every detector on a planted fault, which it must find, and on a healthy case."""

import copy
import math

import pytest
import torch

from finetune.datasets.preference_report import preference_report
from finetune.datasets.preferences import Preference
from finetune.diagnosis import model_faults, pair_faults, row_faults, run_faults
from finetune.diagnosis.pitfalls import Finding
from finetune.diagnosis.preflight import (
    model_preflight,
    pair_preflight,
    preflight,
    review_preference_run,
    review_run,
)
from finetune.lora.inject import LoraConfig, inject, lora_layers
from gpt.errors import BadInput
from gpt.model.config import GPTConfig
from gpt.policy.policy import Policy
from gpt.policy.rows import Example, pad_examples, prompt_answer_example

STOP, LN2 = 9, math.log(2)
SHAPE = GPTConfig(12, 16, n_layers=1, n_heads=2, d_model=8, d_ff=16, dropout=0.2)
GOOD = [prompt_answer_example([1, 2, 3], [4, 5, STOP]), prompt_answer_example([6], [7, STOP])]
PROMPTS = [3, 1]


def late(example: Example) -> Example:
    """Exclude the first token of the answer."""
    first = example.mask.index(True)
    return example._replace(mask=[i > first for i in range(len(example.mask))])


def early(example: Example) -> Example:
    """Include the last token of the prompt."""
    first = example.mask.index(True)
    return example._replace(mask=[i >= first - 1 for i in range(len(example.mask))])


def pad_is_stop(example: Example) -> Example:
    """Exclude the stop token, as a mask does that drops padding by its id."""
    pairs = zip(*example, strict=True)
    return example._replace(mask=[counts and token != STOP for token, counts in pairs])


SILENT = [example._replace(mask=[False] * len(example.tokens)) for example in GOOD]
RIGHT = pad_examples(GOOD)
LEFT = torch.tensor([[1, 2, 3, 4, 5, STOP], [0, 0, 0, 6, 7, STOP]])

ROWS = [
    (row_faults.empty_masks, (SILENT,), (GOOD,), 1.0),
    (row_faults.shifted_mask, ([*map(late, GOOD)], PROMPTS), (GOOD, PROMPTS), 1),
    (row_faults.shifted_mask, ([*map(early, GOOD)], PROMPTS), (GOOD, PROMPTS), -1),
    (row_faults.stop_not_trained, ([*map(pad_is_stop, GOOD)], STOP), (GOOD, STOP), 1.0),
    (row_faults.left_padding, (LEFT, RIGHT.lengths, 0), (RIGHT.tokens, RIGHT.lengths, 0), 0.5),
    (row_faults.truncated_rows, (GOOD, 5), (GOOD, 6), 0.5),
    (row_faults.duplicated_rows, ([*GOOD, *GOOD],), (GOOD,), 0.5),
    (row_faults.leaked_texts, (["What is it?", "a"], ["what  is IT?", "b"]), (["a"], ["b"]), 0.5),
]

HEALTHY_PAIRS = [
    Preference("what does f do", "it sorts a list of numbers", "numbers list it a sorts of"),
    Preference("what does g do", "it adds", "it is not known to add"),
    Preference("what does h do", "it takes the mean of all values", "it takes"),
]
TWISTED = [
    *HEALTHY_PAIRS,
    HEALTHY_PAIRS[0]._replace(chosen=HEALTHY_PAIRS[0].rejected, rejected=HEALTHY_PAIRS[0].chosen),
]
LONGER = [
    Preference(f"what does f{i} do", "it sorts a list of numbers", "it sorts") for i in range(3)
]
ECHO = [Preference("how is a list sorted", "a sorted list is sorted", "numbers by size of them")]

PAIRS = [
    (pair_faults.equal_answers, [Preference("q", "same", "same"), HEALTHY_PAIRS[0]], 0.5),
    (pair_faults.repeated_pairs, [*HEALTHY_PAIRS, HEALTHY_PAIRS[0]], 0.25),
    (pair_faults.contradictory_pairs, TWISTED, 0.25),
    (pair_faults.length_bias, LONGER, 1.0),
    (pair_faults.overlap_bias, ECHO, 1.0),
]


def falling(n: int = 20) -> list[float]:
    return [LN2 * 0.9**i for i in range(n)]


RUNS = [
    (run_faults.non_finite_values, ([1.0, 0.9, math.nan, 0.8],), (falling(),), 2),
    (run_faults.non_finite_values, ([1.0, math.inf],), (falling(),), 1),
    (run_faults.stuck_at_ln2, ([LN2] * 10,), (falling(),), 0.0),
    (run_faults.stuck_at_ln2, ([0.7, *[LN2 + 5e-5] * 9],), ([LN2] * 3,), 5e-5),
    (run_faults.first_loss_not_ln2, ([0.71, 0.6],), (falling(),), 0.71 - LN2),
    (run_faults.growing_loss, ([1.0, 2.0, 4.0, 8.0, 16.0],), (falling(),), 16.0),
    # a jump in the first step: the loss falls afterwards and is still too high
    (run_faults.growing_loss, ([2.0, 200.0, 90.0, 40.0, 30.0],), (falling(),), 15.0),
    (
        run_faults.overfitting,
        ([3.0, 2.0, 1.0], [3.0, 2.5, 3.0]),
        ([3.0, 2.0, 1.0], [3.0, 2.5, 2.4]),
        0.2,
    ),
    # held-out and training loss rise together: the rate is too high, this is not overfitting
    (run_faults.overfitting, ([3.0, 2.0, 1.0], [3.0, 2.0, 2.5]), ([3.0, 2.0, 2.5],) * 2, 0.25),
    (run_faults.no_gradient, ([0.0, 0.0, 1.0],), ([1.0, 0.5, 2.0],), 2 / 3),
    (
        run_faults.no_advantage,
        ([[1.0, 1.0], [0.0, 0.0], [0.0, 1.0]],),
        ([[1.0, 0.0], [0.5, 0.5]],),
        2 / 3,
    ),
    (run_faults.negative_kl, ([-1.0, -1.1, -0.9, -1.0],), ([-1.0, 1.3, 0.9, -0.8],), None),
    # two estimates may be below zero by chance, and rounding errors are not a divergence
    (run_faults.negative_kl, ([-1.0, -1.1, -0.9, -1.0],), ([-1.0, -1.1],), None),
    (run_faults.negative_kl, ([-1.0, -1.1, -0.9, -1.0],), ([-1e-8] * 5,), None),
    (run_faults.exploding_kl, ([0.0, 1.0, 5.0, 20.0, 90.0],), ([0.0, 1.0, 3.0, 4.0, 5.0],), 90.0),
    (run_faults.collapsed_entropy, ([4.0, 2.0, 1.0, 0.1, 0.04],), ([4.0, 3.5, 3.0],), 0.01),
    (run_faults.collapsed_entropy, ([0.0, 0.0],), ([4.0, 3.5],), 0.0),
    (run_faults.overfitting, ([1.0, 0.5, 0.1], [0.0, 0.1, 0.2]), ([1.0, 0.5], [0.0, 0.0]), None),
    (run_faults.never_stops, ([True, False, False],), ([True, True, False],), 1 / 3),
]


@pytest.mark.parametrize("detector, planted, healthy, value", [*ROWS, *RUNS])
def test_a_detector_finds_the_planted_fault_and_passes_the_healthy_case(
    detector, planted, healthy, value
):
    finding = detector(*planted)
    assert isinstance(finding, Finding) and len(finding.message) > 40
    assert value is None or finding.value == pytest.approx(value)
    assert detector(*healthy) is None


def test_a_kl_that_is_negative_by_chance_is_rarely_reported():
    generator = torch.Generator().manual_seed(0)
    runs = torch.randn(3000, 3, generator=generator).tolist()
    assert sum(run_faults.negative_kl(run) is not None for run in runs) < 15  # 3 are expected


def test_an_empty_log_has_no_findings_and_empty_rows_are_refused():
    assert review_preference_run([]) == review_preference_run([{"step": 1}]) == []
    with pytest.raises(BadInput, match="no rows to look at"):
        preflight([], [], STOP, 10)


def test_the_advice_on_overlap_names_the_side_that_shares_less():
    swapped = [each._replace(chosen=each.rejected, rejected=each.chosen) for each in ECHO]
    for pairs, side in ((ECHO, "rejected"), (swapped, "chosen")):
        message = pair_faults.overlap_bias(preference_report(pairs)).message
        assert f"add {side} answers" in message


@pytest.mark.parametrize("detector, planted, value", PAIRS)
def test_a_pair_detector_finds_the_fault_in_the_report_and_passes_healthy_pairs(
    detector, planted, value
):
    assert detector(preference_report(planted)).value == pytest.approx(value)
    assert detector(preference_report(HEALTHY_PAIRS)) is None


def policy() -> Policy:
    torch.manual_seed(0)
    return Policy(SHAPE)


def frozen(model):
    return copy.deepcopy(model).requires_grad_(False).eval()


def test_a_healthy_policy_and_reference_pass():
    model = policy().eval()
    assert model_preflight(model, frozen(model), lambda: model(*RIGHT[:2])) == []


def test_a_reference_in_training_mode_is_found_down_to_one_module():
    reference = frozen(policy())
    assert model_faults.reference_in_training_mode(reference) is None
    reference.blocks[0].train()
    assert 0 < model_faults.reference_in_training_mode(reference).value < 1


def test_a_reference_that_requires_gradients_is_found():
    reference = frozen(policy())
    assert model_faults.reference_not_frozen(reference) is None
    reference.final_norm.gain.requires_grad_()
    assert model_faults.reference_not_frozen(reference).value == 8


def test_a_reference_that_is_the_policy_is_found():
    model = policy()
    assert model_faults.shared_weights(model, frozen(model)) is None
    assert model_faults.shared_weights(model, model).value == len([*model.parameters()])
    # only the adapters are trained, and the weights that are shared are frozen
    inject(adapted := copy.deepcopy(model), LoraConfig(2))
    assert model_faults.shared_weights(adapted, model) is None


def test_a_reference_whose_weights_change_is_found():
    reference = frozen(policy())
    at_start = model_faults.fingerprint(reference)
    assert model_faults.reference_changed(reference, at_start) is None
    reference.blocks[0].mlp.widen.weight[3, 2] += 1e-3
    assert model_faults.reference_changed(reference, at_start).value > 0


def test_swapping_two_tensors_changes_the_fingerprint():
    reference = frozen(policy())
    at_start = model_faults.fingerprint(reference)
    block = reference.blocks[0]
    block.attention_norm.gain.data, block.attention_norm.bias.data = (
        block.attention_norm.bias.data,
        block.attention_norm.gain.data,
    )
    assert model_faults.reference_changed(reference, at_start) is not None


def test_dropout_in_scores_that_are_compared_is_found():
    model = policy().train()
    assert model_faults.noisy_scores(lambda: model(*RIGHT[:2])).value > 0
    model.eval()
    assert model_faults.noisy_scores(lambda: model(*RIGHT[:2])) is None


def test_a_model_in_which_nothing_is_trained_is_found():
    model = policy()
    assert model_faults.few_trained_weights(model) is None
    model.requires_grad_(False)
    assert model_faults.few_trained_weights(model).value == 0


def test_adapters_that_stay_zero_are_found_and_trained_ones_are_not():
    inject(model := policy(), LoraConfig(2))
    assert model_faults.adapters_still_zero(model).value == 1
    model(*RIGHT[:2]).sum().backward()
    torch.optim.SGD([each for each in model.parameters() if each.requires_grad], 0.1).step()
    assert model_faults.adapters_still_zero(model) is None
    assert model_faults.adapters_still_zero(policy()) is None


def test_adapters_scaled_by_alpha_instead_of_alpha_over_rank_are_found():
    config = LoraConfig(4, alpha=8.0)
    inject(model := policy(), config)
    assert model_faults.wrong_scale(model, config) is None
    for layer in lora_layers(model).values():
        layer.scale = config.alpha
    assert model_faults.wrong_scale(model, config).value == 4


def test_healthy_rows_pass_preflight_and_faults_are_found_by_name():
    assert preflight(GOOD, PROMPTS, STOP, 16, ["a"], ["b"]) == []
    assert preflight(GOOD, PROMPTS, STOP, 16) == []
    found = preflight([*map(pad_is_stop, GOOD)] * 2, PROMPTS * 2, STOP, 4, ["a"], ["a"])
    names = ["stop token not trained", "cut off", "duplicated rows", "leaked"]
    assert [each.name for each in found] == names


def test_healthy_pairs_pass_preflight_and_faults_are_found_by_name():
    assert pair_preflight(HEALTHY_PAIRS) == []
    assert [each.name for each in pair_preflight(LONGER * 2)] == ["repeated pairs", "length bias"]


def test_the_log_of_a_healthy_run_passes():
    records = [{"step": i, "loss": loss, "grad_norm": 1.0} for i, loss in enumerate(falling())]
    assert review_run(records) == [] and review_preference_run(records) == []


def test_review_checks_the_columns_that_the_log_of_a_ppo_run_has():
    healthy = {"loss": 0.1, "kl": 2.0, "entropy": 3.0, "stopped": 0.9, "validation": None}
    records = [healthy | {"loss": loss} for loss in (-0.1, 0.2, -0.3, 0.9)]
    assert review_run(records) == []
    sick = {"loss": 0.0, "kl": 200.0, "entropy": 0.01, "stopped": 0.0, "grad_norm": 0.0}
    names = {each.name for each in review_run([records[0], *[sick] * 9])}
    assert names == {"exploding KL", "no gradient", "collapsed entropy", "never stops"}


def test_review_finds_overfitting_in_the_log_of_a_run():
    records = [
        {"loss": 3.0 - step / 10, "validation": 2 + abs(step - 10) / 20 if step % 5 == 0 else None}
        for step in range(21)
    ]
    assert [each.name for each in review_run(records)] == ["overfitting"]


def test_a_preference_run_that_never_leaves_ln2_is_found():
    records = [{"loss": LN2}] * 8
    assert [each.name for each in review_preference_run(records)] == ["stuck at ln 2"]
