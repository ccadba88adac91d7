from functools import partial
from itertools import takewhile

import pytest
import torch
from torch import nn

from gpt.errors import BadInput
from gpt.generation import generate as generate_module
from gpt.generation.generate import generate, generate_batch, stream_text
from gpt.generation.sampling import greedy_token, sample_token
from gpt.model.gpt import GPT, GPTConfig
from gpt.text.tokenizers import BytePairTokenizer


def counts_up(context):
    """Build a model that predicts the last token plus one, and a list of what it reads."""
    config = GPTConfig(
        vocab_size=10, context=context, n_layers=1, n_heads=1, d_model=10, d_ff=2, tied_head=False
    )
    model = GPT(config)
    model.embedding.weight.data = torch.eye(10)
    model.head.data = torch.eye(10).roll(1, dims=0)
    for layer in (model.blocks[0].attention.output, model.blocks[0].mlp.narrow):
        layer.weight.data.zero_()
    read, hidden = [], model.hidden

    def noted(tokens, mask=None, cache=None):
        read.append(tokens[0].tolist())
        return hidden(tokens, mask, cache)

    model.hidden = noted
    return model, read


def test_each_token_follows_from_those_before_it():
    model, _ = counts_up(context=8)
    assert list(generate(model, [3], 4, greedy_token)) == [4, 5, 6, 7]


def test_a_stop_token_ends_the_text_and_is_not_part_of_it():
    model, _ = counts_up(context=8)
    assert list(generate(model, [3], 100, greedy_token, stop_tokens=frozenset({6}))) == [4, 5]


def test_beyond_the_context_the_oldest_tokens_are_dropped():
    model, read = counts_up(context=3)
    assert list(generate(model, [1, 2], 4, greedy_token)) == [3, 4, 5, 6]
    assert read == [[1, 2], [3], [2, 3, 4], [3, 4, 5]]


def test_tokens_come_one_at_a_time():
    model, read = counts_up(context=8)
    tokens = generate(model, [1], 100, greedy_token)
    next(tokens)
    assert read == [[1]]


def test_rows_of_a_batch_stop_independently():
    model, _ = counts_up(context=16)
    prompts, stop = [[3], [9, 0, 1], [5, 6]], frozenset({7})
    assert generate_batch(model, prompts, 4, greedy_token, stop) == [[4, 5, 6], [2, 3, 4, 5], []]


@pytest.mark.parametrize("positions", ["learned", "sinusoidal", "rotary", "alibi", "t5", "none"])
def test_cached_text_equals_uncached_text_within_the_context_and_beyond_it(positions):
    torch.manual_seed(0)
    shape = {"n_layers": 2, "n_heads": 4, "n_kv_heads": 2, "d_model": 16, "d_ff": 32}
    model = GPT(GPTConfig(50, 12, positions=positions, tied_head=False, ff_bias=False, **shape))
    for parameter in model.parameters():
        if parameter.ndim == 2:
            nn.init.normal_(parameter)
    prompts = [[3, 1, 4, 1, 5], [9], [2, 6]]

    def uncached(prompt):
        tokens = list(prompt)
        for _ in range(20):
            with torch.no_grad():
                tokens.append(int(model(torch.tensor([tokens[-12:]]))[0, -1].argmax()))
        return tokens[len(prompt) :]

    expected = [uncached(prompt) for prompt in prompts]
    assert min(len(set(text)) for text in expected) > 2  # no text that any error would generate
    assert [list(generate(model, prompt, 20, greedy_token)) for prompt in prompts] == expected
    assert generate_batch(model, prompts, 20, greedy_token) == expected


def bold_model(context=64, positions="rotary"):
    """Build a model whose tokens differ from row to row, and a list of the shapes that it reads."""
    shape = {"n_layers": 2, "n_heads": 4, "n_kv_heads": 2, "d_model": 16, "d_ff": 32}
    model = GPT(GPTConfig(20, context, positions=positions, **shape))
    for parameter in model.parameters():
        if parameter.ndim == 2:
            nn.init.normal_(parameter, std=0.5)
    shapes, hidden = [], model.hidden

    def noted(tokens, mask=None, cache=None):
        shapes.append(tuple(tokens.shape))
        return hidden(tokens, mask, cache)

    model.hidden = noted
    return model, shapes


RAGGED = [[3, 1, 4, 1, 5], [9], [2, 6], [5, 3, 5], [8, 9, 7, 9], [3], [2, 3, 8], [4]]
GROUPS = [prompt for prompt in RAGGED for _ in range(4)]
STOP = frozenset({0, 7})


def seeded(temperature=1.0):
    generator = torch.Generator().manual_seed(0)
    return partial(sample_token, temperature=temperature, generator=generator)


def cut(texts, stop):
    return [list(takewhile(lambda token: token not in stop, text)) for text in texts]


@pytest.mark.parametrize("positions", ["learned", "rotary"])
@pytest.mark.parametrize("context", [64, 12])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("prompts", [RAGGED, GROUPS, [[1, 2]] * 8], ids=["ragged", "groups", "one"])
def test_rows_get_the_same_tokens_whether_or_not_others_leave(
    prompts, temperature, context, positions
):
    model, shapes = bold_model(context, positions)
    whole = generate_batch(model, prompts, 40, seeded(temperature))  # longer than a context of 12
    assert {n_rows for n_rows, _ in shapes[1:]} == {len(prompts)}  # without stops none leaves
    shapes.clear()
    assert generate_batch(model, prompts, 40, seeded(temperature), STOP) == cut(whole, STOP)
    if temperature:  # greedy texts may repeat themselves and never end
        assert len(set(map(len, cut(whole, STOP)))) > 3
        assert min(n_rows for n_rows, _ in shapes[1:]) < len(prompts)


@pytest.mark.parametrize("context", [64, 6])
def test_equal_prompts_are_read_once_and_sampled_as_if_each_had_been_read(context, monkeypatch):
    model, shapes = bold_model(context)
    together = generate_batch(model, GROUPS, 20, seeded())
    assert shapes[0] == (len(RAGGED), 5) and shapes[1] == (len(GROUPS), 1)
    shapes.clear()
    every_prompt = lambda prompts: (prompts, list(range(len(prompts))))  # noqa: E731
    monkeypatch.setattr(generate_module, "distinct_prompts", every_prompt)
    apart = generate_batch(model, GROUPS, 20, seeded())
    assert shapes[0] == (len(GROUPS), 5)
    assert together == apart
    assert len(set(map(tuple, together[:4]))) == 4  # each of the group has its own text


def test_a_prompt_is_not_taken_for_its_padded_copy():
    model, shapes = bold_model()
    prompts = [[0, 5], [5]]  # padding is written as token 0
    alone = [list(generate(model, prompt, 10, greedy_token)) for prompt in prompts]
    assert alone[0] != alone[1]
    shapes.clear()
    assert generate_batch(model, prompts, 10, greedy_token) == alone
    assert shapes[0] == (2, 2)


def test_rows_leave_once_a_quarter_has_ended():
    model, _ = counts_up(context=16)
    rows, hidden = [], model.hidden

    def noted(tokens, mask=None, cache=None):
        rows.append(tokens[:, -1].tolist())
        return hidden(tokens, mask, cache)

    model.hidden = noted
    starts = [[6], [5], [4], [4], [3], [2], [1], [0]]
    found = generate_batch(model, starts, 20, greedy_token, frozenset({7}))
    assert found == [list(range(start + 1, 7)) for (start,) in starts]
    assert rows == [
        [6, 5, 4, 3, 2, 1, 0],  # the two 4s are one prompt
        [7, 6, 5, 5, 4, 3, 2, 1],  # one of eight has ended, and stays
        [6, 6, 5, 4, 3, 2],  # two have, and have left
        [6, 5, 4, 3],
        [6, 5, 4],
        [6, 5],
        [6],
    ]


def test_all_rows_may_end_at_once_and_at_the_first_token():
    model, read = counts_up(context=16)
    stop = frozenset({6})
    assert generate_batch(model, [[3], [3], [1, 3]], 9, greedy_token, stop) == [[4, 5]] * 3
    assert len(read) == 3
    read.clear()
    assert generate_batch(model, [[5], [5], [1, 5]], 9, greedy_token, stop) == [[]] * 3
    assert len(read) == 1
    assert generate_batch(model, [[5], [5], [3]], 9, greedy_token, stop) == [[], [], [4, 5]]
    assert generate_batch(model, [[5], [5]], 0, greedy_token) == [[], []]


def test_a_sampler_sees_the_rows_of_the_whole_batch():
    model, _ = counts_up(context=16)
    seen = []

    def sampler(logits):
        seen.append(logits.argmax(dim=-1).tolist())
        return logits.argmax(dim=-1)

    generate_batch(model, [[3], [5], [2], [3]], 9, sampler, frozenset({6}))
    assert seen == [[4, 6, 3, 4], [5, 0, 4, 5], [6, 0, 5, 6], [0, 0, 6, 0]]


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ([], "the prompt has 0 tokens; this model reads 1 to 8"),
        ([1] * 9, "the prompt has 9 tokens; this model reads 1 to 8"),
        ([1, 10], "token 10 is outside the vocabulary of 10 tokens"),
        ([-1], "token -1 is outside the vocabulary of 10 tokens"),
    ],
)
def test_a_prompt_that_cannot_be_read_is_refused(prompt, message):
    model, _ = counts_up(context=8)
    with pytest.raises(BadInput, match=message):
        next(generate(model, prompt, 1))


def test_a_trained_sequence_is_generated_greedily():
    torch.manual_seed(0)
    model = GPT(GPTConfig(vocab_size=12, context=16, n_layers=1, n_heads=2, d_model=16, d_ff=32))
    line = torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8]])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(150):
        logits = model(line[:, :-1])
        nn.functional.cross_entropy(logits[0], line[0, 1:]).backward()
        optimizer.step()
        optimizer.zero_grad()
    assert list(generate(model, [3, 1], 10, greedy_token)) == line[0, 2:].tolist()


def test_text_streams_whole_characters():
    tokenizer = BytePairTokenizer([])  # bytes only, so that each of these is several tokens
    text = "é€😀"
    pieces = list(stream_text(tokenizer, tokenizer.encode(text)))
    assert "".join(pieces) == text
    assert "\ufffd" not in "".join(pieces)
    cut = list(stream_text(tokenizer, tokenizer.encode(text)[:-1]))
    assert "".join(cut) == "é€\ufffd"
