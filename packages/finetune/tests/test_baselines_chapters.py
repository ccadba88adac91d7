"""Sentences of the chapters about trl, peft and transformers, asked of the installed libraries."""

from dataclasses import fields

import pytest

pytest.importorskip("trl", reason="baselines: needs the extra baselines")

import datasets
import peft
import safetensors.torch
import torch
import trl
from transformers import LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from finetune import baselines
from gpt.comparison.baselines import id_tokenizer, our_policy, train_and_log, training_arguments
from gpt.policy.loss import sft_loss
from gpt.policy.rows import pad_examples, prompt_answer_example

pytestmark = pytest.mark.baselines

TINY = {"vocab_size": 20, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2}
TINY |= {"num_attention_heads": 2, "max_position_embeddings": 32}


def default(config, name):
    """The default of a field, read without making the config, which looks for devices."""
    return next(each.default for each in fields(config) if each.name == name)


def test_the_defaults_of_trl_and_peft_are_those_of_the_table_in_chapter_13():
    rates = {trl.SFTConfig: 2e-5, trl.RewardConfig: 1e-4, trl.DPOConfig: 1e-6}
    for config, rate in rates.items():
        shared = {"learning_rate": rate, "per_device_train_batch_size": 8, "weight_decay": 0.0}
        shared |= {"lr_scheduler_type": "linear", "warmup_steps": 0, "adam_beta2": 0.999}
        shared |= {"max_grad_norm": 1.0}
        assert {name: default(config, name) for name in shared} == shared
    assert default(trl.SFTConfig, "num_train_epochs") == 3.0
    assert default(trl.DPOConfig, "beta") == 0.1
    assert (default(peft.LoraConfig, "r"), default(peft.LoraConfig, "lora_alpha")) == (8, 8)


def test_trl_trains_in_bf16_with_checkpointing_unless_told_otherwise():
    for config in (trl.SFTConfig, trl.RewardConfig, trl.DPOConfig):
        assert default(config, "gradient_checkpointing") is True
        assert default(config, "bf16") is None and default(config, "fp16") is False


@pytest.mark.filterwarnings("ignore::FutureWarning")  # of transformers, about a default of trl
def test_trl_chooses_bf16_where_no_half_format_is_named(tmp_path):
    assert trl.SFTConfig(str(tmp_path), use_cpu=True).bf16 is True


def test_trl_turns_dropout_off_for_pairs_and_not_for_demonstrations():
    assert default(trl.DPOConfig, "disable_dropout") is True
    assert default(trl.RewardConfig, "disable_dropout") is True
    assert "disable_dropout" not in {each.name for each in fields(trl.SFTConfig)}


def test_trl_has_no_ppo_any_more_and_asks_the_reference_of_dpo_in_each_step():
    assert not hasattr(trl, "PPOTrainer") and hasattr(trl, "RewardTrainer")
    assert default(trl.DPOConfig, "precompute_ref_log_probs") is False


def test_grpo_in_trl_has_no_kl_by_default_and_corrects_one_that_it_has():
    assert default(trl.GRPOConfig, "beta") == 0.0
    assert default(trl.GRPOConfig, "use_bias_correction_kl") is True


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_transformers_keeps_packed_texts_apart_by_positions_that_begin_again(attention):
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(**TINY, attn_implementation=attention)).eval()
    first, second = torch.randint(0, 20, (1, 5)), torch.randint(0, 20, (1, 4))
    packed = torch.cat([first, second], dim=1)
    places = torch.tensor([[*range(5), *range(4)]])
    with torch.no_grad():
        alone = model(second).logits
        kept_apart = model(packed, position_ids=places, use_cache=False).logits[:, 5:]
        seen = model(packed, use_cache=False).logits[:, 5:]
    torch.testing.assert_close(kept_apart, alone)
    assert (seen - alone).abs().max() > 1e-3


def test_a_score_is_read_before_the_end_where_padding_is_the_end():
    torch.manual_seed(0)
    end = 3
    model = LlamaForSequenceClassification(LlamaConfig(**TINY, num_labels=1, pad_token_id=end))
    rows = torch.tensor([[5, 6, 7, end], [5, 6, end, end]])
    with torch.no_grad():
        scores = model.eval()(rows).logits
        before_the_end = model(rows[:, :3]).logits
    torch.testing.assert_close(scores, before_the_end)
    model.config.pad_token_id = None
    with pytest.raises(ValueError, match="batch sizes > 1"):
        model(rows)


def test_sft_of_trl_leaves_padding_out_by_its_place():
    collate = DataCollatorForLanguageModeling(pad_token_id=0)
    long, short = ({"input_ids": ids, "labels": ids} for ids in ([5, 6, 7, 0], [5, 0]))
    assert collate([long, short])["labels"].tolist() == [[5, 6, 7, 0], [5, 0, -100, -100]]


@pytest.mark.parametrize("lost", ["a tensor of the adapter", "none"])
def test_peft_warns_of_a_missing_tensor_and_says_nothing_of_an_unknown_one(lost, tmp_path, recwarn):
    model = peft.get_peft_model(LlamaForCausalLM(LlamaConfig(**TINY)), peft.LoraConfig())
    model.save_pretrained(str(tmp_path))
    path = tmp_path / "adapter_model.safetensors"
    tensors = safetensors.torch.load_file(path)
    if lost == "none":
        tensors["base_model.model.model.nobody.lora_A.weight"] = torch.ones(8, 16)
    else:
        tensors.popitem()
    safetensors.torch.save_file(tensors, path, {"format": "pt"})
    peft.PeftModel.from_pretrained(LlamaForCausalLM(LlamaConfig(**TINY)), str(tmp_path))
    messages = [str(each.message) for each in recwarn]
    assert any("missing adapter keys" in each for each in messages) == (lost != "none")
    assert not any("nobody" in each for each in messages)


def test_peft_says_nothing_where_only_some_of_the_targets_fit(recwarn):
    adapted = peft.LoraConfig(target_modules=["q_proj", "query"])
    model = peft.get_peft_model(LlamaForCausalLM(LlamaConfig(**TINY)), adapted)
    names = {name.split(".lora_")[0] for name, _ in model.named_parameters() if ".lora_" in name}
    assert names and all(name.endswith("q_proj") for name in names)
    assert not any("query" in str(each.message) for each in recwarn)


def test_trl_divides_by_the_answer_tokens_of_all_micro_batches_of_a_step(tmp_path):
    torch.manual_seed(0)
    model = baselines.llama_model("tiny")
    model.get_input_embeddings().weight.data *= 20  # so that tokens have unequal losses
    rows = [
        prompt_answer_example([17, 4, 9], [5, 0]),
        prompt_answer_example([3], [8, 6, 7, 9, 2, 0]),
    ]
    with torch.no_grad():
        policy = our_policy(model)
        sums = [sft_loss(policy, pad_examples([row])) for row in rows]
    expected = sum(each.total for each in sums) / sum(each.terms for each in sums)
    mean_of_means = sum(each.total / each.terms for each in sums) / 2
    settings = training_arguments(tmp_path, 1, 1, 1e-4) | {"gradient_accumulation_steps": 2}
    trainer = baselines.sft_trainer(model, rows, settings)
    [found] = train_and_log(trainer, lambda step: None, n_logged=1)
    assert found == pytest.approx(expected.item(), abs=1e-3)
    assert abs(found - mean_of_means.item()) > 0.1


@pytest.mark.filterwarnings("ignore::FutureWarning")  # of transformers, about a default of trl
def test_trl_pads_with_the_end_where_a_tokenizer_has_no_padding(tmp_path):
    tokenizer = id_tokenizer(1024)
    tokenizer.pad_token = None
    row = {"input_ids": [5, 0], "labels": [5, 0]}
    settings = training_arguments(tmp_path, 1, 1, 1e-4)
    trl.SFTTrainer(
        baselines.llama_model("tiny"),
        args=trl.SFTConfig(**settings),
        train_dataset=datasets.Dataset.from_list([row]),
        processing_class=tokenizer,
    )
    assert tokenizer.pad_token == tokenizer.eos_token
