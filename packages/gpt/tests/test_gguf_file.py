import math

import pytest
import torch
from einops import rearrange

from gpt.errors import BadInput
from gpt.model.rotary import interleaved_to_halves
from gpt.pretrained.gguf_file import read_gguf
from gpt.pretrained.smollm2 import ensure_converted
from gpt.text.byte_pair_tokenizer import BytePairTokenizer
from gpt.text.tokenizer_json import read_hugging_face_tokenizer
from gpt.text.tokenizers import decode, end_tokens


def test_rows_worked_by_hand():
    # Two heads of six rows, three pairs each: neighbours become rows that are three apart.
    rows = torch.arange(12.0)[:, None]
    assert interleaved_to_halves(rows, 2)[:, 0].tolist() == [0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11]


def test_rotating_halves_of_reordered_rows_is_rotating_neighbours():
    angle = torch.linspace(0.1, 1.5, 4)
    file = torch.randn(8, 5)  # one head of width 8, as in llama.cpp
    x = torch.randn(5)
    even, odd = rearrange(file @ x, "(pair two) -> two pair", two=2)
    first, second = rearrange(interleaved_to_halves(file, 1) @ x, "(two pair) -> two pair", two=2)
    for a, b in [(even, first), (odd, second)]:
        torch.testing.assert_close(a, b, rtol=0, atol=0)
    assert math.isclose(
        float((even * angle.cos() - odd * angle.sin()).sum()),
        float((first * angle.cos() - second * angle.sin()).sum()),
    )


def test_a_file_gives_a_llama_by_transformers_names(write_gguf, tmp_path):
    config, tensors, tokenizer = read_gguf(write_gguf(tmp_path / "a.gguf"))
    assert config == {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 270,
        "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16,
        "max_position_embeddings": 32, "rms_norm_eps": 1e-5,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10_000.0},
        "hidden_act": "silu", "attention_bias": False, "mlp_bias": False, "bos_token_id": 269,
        "eos_token_id": 269, "pad_token_id": None, "dtype": "float32", "tie_word_embeddings": True,
    }  # fmt: skip
    assert len(tensors) == 2 * 9 + 2
    assert tensors["model.layers.1.mlp.down_proj.weight"].shape == (64, 96)
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float32}
    assert tokenizer.end_of_text == 269
    assert tokenizer.chat_template == "{% for m in messages %}{{ m.content }}{% endfor %}"
    assert decode(tokenizer, tokenizer.encode("the items are 12")) == "the items are 12"
    learned = BytePairTokenizer.train(["the list of the items\n" * 4], 270)
    assert tokenizer.encode("the items") == learned.encode("the items")


def test_only_queries_and_keys_change_places(write_gguf, tmp_path):
    gguf = pytest.importorskip("gguf", reason="baselines: needs the extra smollm2")
    path = write_gguf(tmp_path / "a.gguf")
    raw = {each.name: each for each in gguf.GGUFReader(path).tensors}
    tensors = read_gguf(path).tensors
    places = {"q_proj": ("attn_q", 4), "k_proj": ("attn_k", 2), "v_proj": ("attn_v", 0)}
    for ours, (theirs, heads) in places.items():
        each = raw[f"blk.1.{theirs}.weight"]
        weight = torch.from_numpy(gguf.quants.dequantize(each.data, each.tensor_type))
        found = tensors[f"model.layers.1.self_attn.{ours}.weight"]
        assert torch.equal(found, weight) == (heads == 0)
        if heads:
            pattern = "(H K2 two) D -> (H two K2) D"
            assert torch.equal(found, rearrange(weight, pattern, H=heads, two=2))


def test_an_output_matrix_of_its_own_is_kept(write_gguf, tmp_path):
    model = read_gguf(write_gguf(tmp_path / "a.gguf", extra=[("output", (270, 64))]))
    assert not model.config["tie_word_embeddings"]
    assert model.tensors["lm_head.weight"].shape == (270, 64)


def test_a_tokenizer_that_begins_every_text_says_so(write_gguf, tmp_path):
    fields = {"tokenizer.ggml.add_bos_token": 1, "tokenizer.ggml.pre": "llama-bpe"}
    tokenizer = read_gguf(write_gguf(tmp_path / "a.gguf", fields=fields)).tokenizer
    assert tokenizer.prefix == [269]
    assert tokenizer.ignore_merges
    assert tokenizer.words("I'll pay 12345  euros") == [
        "I",
        "'ll",
        " pay",
        " ",
        "123",
        "45",
        " ",
        " euros",
    ]


WRONG = {
    "sentencepiece": ({"tokenizer.ggml.model": "llama"}, "a tokenizer of kind 'llama'; only byte"),
    "words": (
        {"tokenizer.ggml.pre": "klingon"},
        "split as in 'klingon'; accepted are gpt-2, llama-bpe",
    ),
    "width": ({"llama.embedding_length": 128}, r"has shape .* but the fields of the file need"),
    "layers": ({"llama.block_count": 3}, r"'blk.2.* has shape None, but the fields .* need \("),
    "stretched": ({"llama.rope.scaling.type": "yarn"}, "llama.rope.scaling.type 'yarn'; it must"),
    "experts": ({"llama.expert_count": 8}, "llama.expert_count 8; it must be 0"),
    "a window": ({"llama.attention.sliding_window": 16}, "sliding_window 16; it must be 0"),
    "half a rotation": (
        {"llama.rope.dimension_count": 8},
        "rope.dimension_count 8, but its tensors need 16",
    ),
    "narrow values": (
        {"llama.attention.value_length": 8},
        "value_length 8, but its tensors need 16",
    ),
    "unknown": ({"llama.logit_scale": 0.5}, "has the setting llama.logit_scale 0.5, which is not"),
    "an end after a text": (
        {"tokenizer.ggml.add_eos_token": 1},
        "add_eos_token 1; it must be False",
    ),
    "no field": ({"llama.attention.head_count": None}, "no field 'llama.attention.head_count'"),
    "no tokens": ({"tokenizer.ggml.tokens": None}, "no field 'tokenizer.ggml.tokens'"),
}


@pytest.mark.parametrize(("fields", "message"), WRONG.values(), ids=WRONG)
def test_a_foreign_field_is_named_and_the_file_with_it(fields, message, write_gguf, tmp_path):
    with pytest.raises(BadInput, match=rf"a\.gguf'.*{message}"):
        read_gguf(write_gguf(tmp_path / "a.gguf", fields=fields))


def test_a_file_may_name_several_tokens_that_end_generation(write_gguf, tmp_path):
    fields = {"tokenizer.ggml.eot_token_id": 5, "tokenizer.ggml.eom_token_id": 6}
    found = read_gguf(write_gguf(tmp_path / "a.gguf", fields=fields))
    end = found.tokenizer.end_of_text
    assert found.config["eos_token_id"] == [end, 5, 6]
    assert end_tokens(found.tokenizer) == {end, 5, 6}
    folder = ensure_converted(tmp_path / "a.gguf", tmp_path / "cache")
    assert read_hugging_face_tokenizer(folder).end_ids == [end, 5, 6]


def test_another_architecture_is_named(write_gguf, tmp_path):
    path = write_gguf(tmp_path / "a.gguf")
    path.write_bytes(
        path.read_bytes().replace(b"\x05\0\0\0\0\0\0\0llama", b"\x05\0\0\0\0\0\0\0gemma")
    )
    with pytest.raises(BadInput, match="a model of kind 'gemma'; only 'llama' is supported"):
        read_gguf(path)


def test_an_unknown_tensor_is_named(write_gguf, tmp_path):
    path = write_gguf(tmp_path / "a.gguf", extra=[("rope_freqs", (8,))])
    with pytest.raises(BadInput, match=r"tensor 'rope_freqs.weight' has shape \(8,\), but .* None"):
        read_gguf(path)


def test_an_unknown_weight_type_is_named(write_gguf, tmp_path):
    gguf = pytest.importorskip("gguf", reason="baselines: needs the extra smollm2")
    path = write_gguf(tmp_path / "a.gguf", kind="F32")
    before = b"attn_v.weight" + bytes([2, 0, 0, 0, 64, *[0] * 7, 32, *[0] * 7])
    data = path.read_bytes()
    assert before + b"\0\0\0\0" in data
    after = gguf.GGMLQuantizationType.I32.value
    path.write_bytes(data.replace(before + b"\0\0\0\0", before + bytes([after, 0, 0, 0])))
    with pytest.raises(BadInput, match="cannot read weights of type I32; accepted are BF16"):
        read_gguf(path)


def test_a_weight_that_is_not_finite_is_refused(write_gguf, tmp_path):
    path = write_gguf(tmp_path / "a.gguf")
    path.write_bytes(path.read_bytes()[:-4] + b"\0\0\x80\x7f")  # infinity
    with pytest.raises(BadInput, match="contains numbers that are not finite"):
        read_gguf(path)


def test_a_file_cut_anywhere_is_refused(write_gguf, tmp_path):
    whole = write_gguf(tmp_path / "a.gguf").read_bytes()
    cut = tmp_path / "cut.gguf"
    for share in range(40):
        cut.write_bytes(whole[: len(whole) * share // 40])
        with pytest.raises(BadInput, match=r"cut\.gguf'"):
            read_gguf(cut)


@pytest.mark.parametrize("content", [b"", b"GG", b"GGUF", b"\x89PNG" * 100, b"text\n" * 100])
def test_a_file_that_is_not_gguf_is_refused(content, tmp_path):
    pytest.importorskip("gguf", reason="baselines: needs the extra smollm2")
    path = tmp_path / "a.gguf"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"a\.gguf' is damaged or is not a GGUF file"):
        read_gguf(path)


def test_a_missing_file_is_refused(tmp_path):
    pytest.importorskip("gguf", reason="baselines: needs the extra smollm2")
    with pytest.raises(BadInput, match=r"there is no file .*a\.gguf"):
        read_gguf(tmp_path / "a.gguf")
