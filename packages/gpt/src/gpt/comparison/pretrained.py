"""SmolLM2 as we load it, compared with transformers reading the same GGUF file."""

import torch

from gpt.comparison.rows import ComparisonRow, count_unequal, max_abs_difference
from gpt.generation.generate import generate
from gpt.generation.sampling import greedy_token
from gpt.pretrained.chat import render_chat
from gpt.pretrained.loading import load_pretrained
from gpt.pretrained.smollm2 import smollm2_file
from gpt.text.pretrained_tokenizer import PretrainedTokenizer

TEXTS = [
    "Paris is the capital of France, and Rome is the capital of Italy.",
    "def fibonacci(n):\n    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)\n",
    "1, 2, 4, 8, 16, 32, 64 and  128   are powers of two: 2 ** 7 == 128.\n\n\nnaïve café 😀",
]


def smollm2_rows() -> list[ComparisonRow]:
    """Compare token ids, logits, the most likely token at every position, and a greedy answer."""
    from gpt import baselines

    ours, tokenizer = load_pretrained("smollm2")
    library, encode = baselines.load_library_gguf(smollm2_file())
    assert isinstance(tokenizer, PretrainedTokenizer) and tokenizer.chat_template is not None
    largest = wrong_ids = wrong_argmax = 0.0
    with torch.no_grad():
        for text in TEXTS:
            tokens = tokenizer.encode(text)
            wrong_ids += count_unequal(tokens, encode(text))
            mine, theirs = ours(torch.tensor([tokens])), library(torch.tensor([tokens])).logits
            largest = max(largest, max_abs_difference(mine, theirs))
            wrong_argmax += (mine.argmax(-1) != theirs.argmax(-1)).sum().item()
    messages = [{"role": "user", "content": "What is the capital of France?"}]
    chat = render_chat(tokenizer.chat_template, messages, tokenizer.roles)
    prompt = tokenizer.encode_with_specials(chat)
    wrong_answer = count_unequal(
        generate(ours, prompt, 24, greedy_token),
        baselines.generate_new_tokens(library, [prompt], 24)[0],
    )
    version = baselines.library_version("transformers")
    return [
        ComparisonRow("SmolLM2, token ids", version, wrong_ids, 0.0),
        ComparisonRow("SmolLM2, logits", version, largest, 2e-4),
        ComparisonRow("SmolLM2, most likely tokens", version, wrong_argmax, 0.0),
        ComparisonRow("SmolLM2, greedy text", version, wrong_answer, 0.0),
    ]
