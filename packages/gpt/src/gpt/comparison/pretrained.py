"""SmolLM2 loaded by us beside transformers' loading of the same GGUF file."""

import torch

from gpt.comparison.equality import GREEDY
from gpt.comparison.rows import Row, difference, unequal
from gpt.generation.generate import generate
from gpt.pretrained.chat import render_chat
from gpt.pretrained.loading import load_pretrained
from gpt.pretrained.smollm2 import smollm2_file
from gpt.text.pretrained_tokenizer import PretrainedTokenizer

TEXTS = [
    "Paris is the capital of France, and Rome is the capital of Italy.",
    "def fibonacci(n):\n    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)\n",
    "1, 2, 4, 8, 16, 32, 64 and  128   are powers of two: 2 ** 7 == 128.\n\n\nnaïve café 😀",
]


def smollm2_rows() -> list[Row]:
    """Token ids, logits, the likeliest token everywhere, and a greedy answer."""
    from gpt import baselines

    ours, tokenizer = load_pretrained("smollm2")
    library, encode = baselines.opened_gguf(smollm2_file())
    assert isinstance(tokenizer, PretrainedTokenizer) and tokenizer.chat_template is not None
    largest = wrong = likeliest = 0.0
    with torch.no_grad():
        for text in TEXTS:
            tokens = tokenizer.encode(text)
            wrong += unequal(tokens, encode(text))
            mine, theirs = ours(torch.tensor([tokens])), library(torch.tensor([tokens])).logits
            largest = max(largest, difference(mine, theirs))
            likeliest += (mine.argmax(-1) != theirs.argmax(-1)).sum().item()
    messages = [{"role": "user", "content": "What is the capital of France?"}]
    chat = render_chat(tokenizer.chat_template, messages, tokenizer.roles)
    prompt = tokenizer.encode_with_specials(chat)
    answer = unequal(generate(ours, prompt, 24, GREEDY), baselines.greedy(library, prompt, 24))
    version = baselines.version("transformers")
    return [
        Row("SmolLM2, token ids", version, wrong, 0.0),
        Row("SmolLM2, logits", version, largest, 2e-4),
        Row("SmolLM2, likeliest tokens", version, likeliest, 0.0),
        Row("SmolLM2, greedy text", version, answer, 0.0),
    ]
