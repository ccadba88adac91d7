"""The start model as transformers reads it: the same tokens, and the same greedy text."""

import pytest
import torch

pytest.importorskip("transformers", reason="baselines: needs transformers")

from transformers import AutoModelForCausalLM, AutoTokenizer

from gpt.model.gpt import GPT
from gpt.pretrained.export import write_pretrained
from gpt.text.tokenizers import decode
from reasoning.evaluation.sampling import sample_texts
from reasoning.start.run import StartConfig
from reasoning.tasks.vocabulary import TOKENIZER

PROMPTS = ["24 : 3 5 7 2 think", "chain : 7 + 12 * 3 think"]


def test_an_exported_start_model_gives_the_same_text_in_transformers(tmp_path):
    model = GPT(StartConfig(d_model=32, n_layers=2).model_config()).eval()
    write_pretrained(tmp_path, model, TOKENIZER)
    library = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    texts = sample_texts(model, PROMPTS, 1, 0.0, 12, torch.Generator())
    for prompt, (text,) in zip(PROMPTS, texts, strict=True):
        tokens = tokenizer(prompt, return_tensors="pt").input_ids
        assert tokens[0].tolist() == TOKENIZER.encode(prompt)
        made = library.generate(tokens, max_new_tokens=12, do_sample=False)[0, tokens.shape[1] :]
        assert decode(TOKENIZER, made.tolist()).removesuffix("<|endoftext|>").strip() == text
