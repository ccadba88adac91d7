"""Rows, exported folders and adapter folders next to those of transformers, trl and peft."""

import dataclasses
import json
import shutil

import pytest
import torch

pytest.importorskip("trl", reason="baselines: needs the extra baselines")

import datasets
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

from finetune.assistant.assistant import load_assistant
from finetune.cli import main
from finetune.conversations.encoding import answer_example, conversation_example, prompt_tokens
from finetune.conversations.format_template import build_chat_template
from finetune.conversations.formats import FORMATS
from finetune.conversations.special_tokens import stop_tokens, with_special_tokens
from finetune.lora.baselines import write_peft_adapter
from finetune.lora.peft_files import CONFIG_FILE
from gpt.baselines import without_future_warnings
from gpt.cli import main as gpt
from gpt.comparison.baselines import training_arguments
from gpt.errors import BadInput
from gpt.model.gpt import GPT, GPTConfig
from gpt.pretrained.folders import write_model
from gpt.text.byte_pair_tokenizer import BytePairTokenizer
from gpt.text.pretrained_tokenizer import AddedToken
from gpt.text.tokenizer_export import to_pretrained_tokenizer, write_hugging_face_tokenizer

pytestmark = pytest.mark.baselines

SYSTEM = {"role": "system", "content": "Answer in one sentence."}
QUESTION = {"role": "user", "content": "Add them.\n\n1 and 2"}
ANSWER = {"role": "assistant", "content": "The sum is 3."}
CONVERSATIONS = [
    [QUESTION, ANSWER],
    [SYSTEM, QUESTION, ANSWER],
    [QUESTION, ANSWER, {"role": "user", "content": "And\n\n3?\n\n4?"}, ANSWER],
]
TEXT = ["### Instruction: Response: The sum of the numbers is three. [INST] Question\n" * 4]
OWN = BytePairTokenizer.train(TEXT, 300)
BOS = AddedToken(OWN.vocab_size, "<|begin|>", special=True)
PUBLISHED = dataclasses.replace(
    to_pretrained_tokenizer(OWN),
    added=[*to_pretrained_tokenizer(OWN).added, BOS],
    roles={"eos_token": "<|endoftext|>", "bos_token": "<|begin|>"},
    prefix=[BOS.token],
    chat_template="{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content }}"
    "{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}",
)
LLAMA_2 = dataclasses.replace(
    PUBLISHED, added=[PUBLISHED.added[0], BOS._replace(content="<s>")],
    roles=PUBLISHED.roles | {"bos_token": "<s>"},
)  # fmt: skip
TOKENIZERS = {
    "ours": OWN,
    "ours with marks": with_special_tokens(OWN),
    "a BOS": PUBLISHED,
    "<s>": LLAMA_2,
}
SHAPE = GPTConfig(
    vocab_size=OWN.vocab_size + 1, context=64, n_layers=1, n_heads=2, d_model=16, d_ff=16,
    norm_kind="rms", feed_forward="swiglu", ff_bias=False,
)  # fmt: skip


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A folder of transformers: a tiny model whose tokenizer begins texts with a BOS."""
    folder = tmp_path_factory.mktemp("published") / "model"
    torch.manual_seed(0)
    write_hugging_face_tokenizer(PUBLISHED, folder)
    write_model(folder, GPT(SHAPE), [OWN.end_of_text, 7], BOS.token)
    return folder


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """Questions with answers, as files."""
    folder = tmp_path_factory.mktemp("rows")
    found = [{"instruction": f"Say {n}.", "output": f"It is {n}."} for n in range(20)]
    (folder / "rows.json").write_text(json.dumps(found))
    return folder / "rows.json"


def prompt_text(format, messages):
    return "".join(piece.text for piece in format.prompt(messages))


def ends_at_once(format):
    """The format without white space after an answer, which trl would not add."""
    return dataclasses.replace(format, around=(format.around[0], ""))


@pytest.mark.parametrize("name", FORMATS)
def test_rows_of_sft_begin_with_a_bos_as_those_of_trl_do(name, published, tmp_path):
    format, before = FORMATS[name], FORMATS[name].around[0]
    columns = {"prompt": prompt_text(format, [QUESTION]), "completion": before + "3"}
    with without_future_warnings():
        trainer = SFTTrainer(
            AutoModelForCausalLM.from_pretrained(published),
            args=SFTConfig(**training_arguments(tmp_path, 1, 1, 1e-4), completion_only_loss=True),
            train_dataset=datasets.Dataset.from_list([columns]),
            processing_class=AutoTokenizer.from_pretrained(published),
        )
    ours = answer_example(ends_at_once(format), PUBLISHED, [QUESTION], "3")
    assert ours.tokens[0] == BOS.token and not ours.mask[0]
    assert ours.tokens == trainer.train_dataset[0]["input_ids"]
    whole = conversation_example(format, PUBLISHED, [QUESTION, ANSWER])
    prompt = prompt_tokens(format, PUBLISHED, [QUESTION])
    assert whole.tokens[: len(prompt)] == prompt
    assert whole.tokens.count(BOS.token) == 1


def test_pairs_begin_with_a_bos_as_those_of_trl_do(published, tmp_path):
    format = FORMATS["plain"]
    columns = {"prompt": prompt_text(format, [QUESTION]), "chosen": "3", "rejected": "4"}
    models = [AutoModelForCausalLM.from_pretrained(published) for _ in range(2)]
    with without_future_warnings():
        trainer = DPOTrainer(
            *models,
            args=DPOConfig(**training_arguments(tmp_path, 1, 1, 1e-4)),
            train_dataset=datasets.Dataset.from_list([columns]),
            processing_class=AutoTokenizer.from_pretrained(published),
        )
    row = trainer.train_dataset[0]
    ours = [answer_example(format, PUBLISHED, [QUESTION], answer).tokens for answer in "34"]
    assert [row["prompt_ids"] + row[side] for side in ("chosen_ids", "rejected_ids")] == ours


@pytest.mark.parametrize("messages", CONVERSATIONS, ids=["one", "system", "two"])
@pytest.mark.parametrize("tokenizer", TOKENIZERS.values(), ids=TOKENIZERS)
@pytest.mark.parametrize("name", FORMATS)
def test_the_exported_template_writes_the_tokens_of_training(name, tokenizer, messages, tmp_path):
    format = FORMATS[name]
    write_hugging_face_tokenizer(tokenizer, tmp_path, build_chat_template(format, tokenizer))
    library = AutoTokenizer.from_pretrained(tmp_path)
    tokens = library.apply_chat_template(messages, return_dict=False)
    assert tokens == conversation_example(format, tokenizer, messages).tokens
    prompt = messages[:-1]
    asked = library.apply_chat_template(prompt, add_generation_prompt=True, return_dict=False)
    assert asked == prompt_tokens(format, tokenizer, prompt)


def test_the_exported_template_refuses_an_order_that_training_has_no_place_for(tmp_path):
    write_hugging_face_tokenizer(OWN, tmp_path, build_chat_template(FORMATS["plain"], OWN))
    library = AutoTokenizer.from_pretrained(tmp_path)
    with pytest.raises(Exception, match="no place for a message by the assistant"):
        library.apply_chat_template([ANSWER])


def test_a_run_in_another_format_than_the_base_exports_its_own_template_and_stop(
    published, rows, tmp_path
):
    options = ["--device", "cpu", "--steps", "1", "--batch-size", "2", "--context", "64"]
    files = ["--model", published, "--data", rows, "--runs", tmp_path / "runs"]
    assert main(["sft", *options, "--format", "alpaca", *map(str, files), "--name", "a"]) == 0
    out = tmp_path / "out"
    assert main(["export", "--run", str(tmp_path / "runs" / "a"), "--output", str(out)]) == 0
    library = AutoTokenizer.from_pretrained(out)
    assert library.chat_template != PUBLISHED.chat_template
    asked = library.apply_chat_template([QUESTION], add_generation_prompt=True, return_dict=False)
    assert asked == prompt_tokens(FORMATS["alpaca"], PUBLISHED, [QUESTION])
    model = AutoModelForCausalLM.from_pretrained(out)
    assert set(model.generation_config.eos_token_id) == {OWN.end_of_text, 7}
    # opened again, the folder is asked as it was trained
    again = load_assistant(str(out))
    assert prompt_tokens(again.format, again.tokenizer, [QUESTION]) == asked


def test_an_adapter_brings_its_own_tokenizer_and_template(published, tmp_path):
    adapter = tmp_path / "adapter"
    theirs = write_peft_adapter(published, adapter, r=2, target_modules=["q_proj"])
    own = dataclasses.replace(PUBLISHED, chat_template=PUBLISHED.chat_template.replace("[", "<"))
    write_hugging_face_tokenizer(own, adapter)
    ours, library = load_assistant(str(adapter)), AutoTokenizer.from_pretrained(adapter)
    asked = library.apply_chat_template([QUESTION], add_generation_prompt=True, return_dict=False)
    assert prompt_tokens(ours.format, ours.tokenizer, [QUESTION]) == asked
    assert stop_tokens(ours.format, ours.tokenizer) == {OWN.end_of_text, 7}  # as the base says
    tokens = torch.arange(24)[None]
    torch.testing.assert_close(ours.model(tokens), theirs(tokens).logits.float(), rtol=0, atol=1e-5)


def test_an_adapter_of_more_tokens_than_its_base_is_refused(published, tmp_path):
    write_peft_adapter(published, tmp_path / "adapter", r=2, target_modules=["q_proj"])
    more = [AddedToken(BOS.token + 1, "<new>", special=True)]
    write_hugging_face_tokenizer(
        dataclasses.replace(PUBLISHED, added=[*PUBLISHED.added, *more]), tmp_path / "adapter"
    )
    with pytest.raises(BadInput, match="has a tokenizer of 302 tokens, and its base .* has 301"):
        load_assistant(str(tmp_path / "adapter"))


@pytest.mark.parametrize("file", ["chat_template.jinja", "tokenizer_config.json"])
def test_half_a_tokenizer_in_the_folder_of_an_adapter_is_refused(file, published, tmp_path):
    write_peft_adapter(published, tmp_path / "adapter", r=2, target_modules=["q_proj"])
    (tmp_path / "adapter" / file).write_text("{}")
    with pytest.raises(BadInput, match=f"has a file '{file}' but no 'tokenizer.json'"):
        load_assistant(str(tmp_path / "adapter"))


def test_the_base_of_an_adapter_may_be_elsewhere(published, tmp_path, capsys):
    adapter = tmp_path / "adapter"
    write_peft_adapter(published, adapter, r=2, target_modules=["q_proj"])
    found = load_assistant(str(adapter))
    config = json.loads((adapter / CONFIG_FILE).read_text())
    config["base_model_name_or_path"] = str(tmp_path / "moved away")
    (adapter / CONFIG_FILE).write_text(json.dumps(config))
    with pytest.raises(BadInput, match="there is no model in .*moved away"):
        load_assistant(str(adapter))
    tokens = torch.arange(24)[None]
    again = load_assistant(str(adapter), base=str(published))
    assert torch.equal(again.model(tokens), found.model(tokens))
    chat = ["chat", "--model", str(adapter), "--question", "Add 1.", "--max-new-tokens", "2"]
    assert main([*chat, "--base", str(published)]) == 0
    capsys.readouterr()
    assert main([*chat[:1], "--model", str(published), "--base", str(published)]) == 2
    assert "is not an adapter" in capsys.readouterr().err


def test_an_export_with_its_adapter_survives_a_move(published, rows, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = ["--device", "cpu", "--steps", "2", "--batch-size", "2", "--context", "64"]
    files = ["--model", str(published), "--data", str(rows), "--rank", "2", "--name", "a"]
    assert main(["sft", *options, *files]) == 0
    assert main(["export", "--run", "runs/a", "--output", "out", "--adapter"]) == 0
    tokens = torch.arange(24)[None]
    before = load_assistant("out/adapter").model(tokens)
    shutil.move("out", "elsewhere")
    assert torch.equal(load_assistant("elsewhere/adapter").model(tokens), before)
    with pytest.raises(BadInput, match="give it with --base"):
        load_assistant("runs/a/adapter")


def test_gpt_refuses_a_folder_that_also_holds_an_adapter(published, tmp_path, capsys):
    shutil.copytree(published, tmp_path / "both")
    (tmp_path / "both" / CONFIG_FILE).write_text("{}")
    assert gpt(["sample", "--model", str(tmp_path / "both")]) == 2
    assert "holds an adapter" in capsys.readouterr().err
