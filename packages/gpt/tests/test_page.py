"""The page of `gpt inspect` as a file: its numbers read back, and prompts that try to break it."""

import base64
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import torch

from gpt.inside import inspection as inspections
from gpt.inside.inspection import inspect_prompt
from gpt.inside.page import attention_bytes, read_asset, render_page, text_after, token_text
from gpt.model.config import GPTConfig
from gpt.model.gpt import GPT
from gpt.text.byte_pair_tokenizer import BytePairTokenizer
from gpt.text.tokenizers import CharacterTokenizer

PROMPT = "a </script><!--{{ style }}&"
TOKENIZER = CharacterTokenizer.train([PROMPT])


@pytest.fixture(scope="module")
def inspection():
    torch.manual_seed(1)
    config = GPTConfig(TOKENIZER.vocab_size, 32, n_layers=2, n_heads=3, d_model=12, d_ff=24)
    model = GPT(config).eval()
    for parameter in model.parameters():
        if parameter.ndim == 2:
            torch.nn.init.normal_(parameter, std=0.5)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(inspections, "N_CONTINUATION_TOKENS", 4)
        return inspect_prompt(model, TOKENIZER, PROMPT)


@pytest.fixture(scope="module")
def page(inspection):
    return render_page(inspection, TOKENIZER, "<b>mine</b>")


class Elements(HTMLParser):
    """Every element of a page as a browser would split it, with its attributes and text."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs), []))

    def handle_data(self, data):
        if self.found:
            self.found[-1][2].append(data)

    def texts(self, tag):
        return ["".join(texts) for name, _, texts in self.found if name == tag]


@pytest.fixture(scope="module")
def elements(page):
    return Elements(page)


@pytest.fixture(scope="module")
def data(elements):
    return json.loads(elements.texts("script")[0])


def test_the_page_holds_the_numbers_of_the_inspection(data, inspection):
    assert "".join(data["vocabulary"][str(token)] for token in data["tokens"]) == PROMPT
    lens, ablations = inspection.lens, inspection.ablations
    for kept, numbers in [
        (data["lens"]["probabilities"], lens.top.probabilities),
        (data["lens"]["answer"], lens.answer_probabilities),
        (data["alternatives"]["probabilities"], inspection.alternatives.probabilities),
        (data["patterns"]["induction"], inspection.head_types["induction"]),
        (data["given"], inspection.token_probabilities),
        (data["ablation"]["change"], ablations.changes),
        (data["ablation"]["probabilities"], ablations.top.probabilities),
        (data["ablation"]["intact"], ablations.intact),
        (data["ablation"]["ablated"], ablations.ablated),
    ]:
        np.testing.assert_allclose(kept, numbers, rtol=0, atol=0.5001e-4)
    assert data["lens"]["tokens"] == lens.top.tokens.tolist()
    assert data["ablation"]["tokens"] == ablations.top.tokens.tolist()
    assert data["answer"] == inspection.answer


def test_attention_weights_are_the_lower_triangles_in_steps_of_1_255(data, inspection):
    stored = np.frombuffer(base64.b64decode(data["attention"]), np.uint8)
    n = len(PROMPT)
    assert len(stored) == 2 * 3 * n * (n + 1) // 2
    place = iter(stored)
    for layer in range(2):
        for head in range(3):
            for query in range(n):
                for key in range(query + 1):
                    exact = inspection.attention[layer, head, query, key].item()
                    assert next(place) / 255 == pytest.approx(exact, abs=0.51 / 255)


def test_a_weight_of_one_is_255():
    assert attention_bytes(torch.tensor([[[[1.0, 0.0], [0.25, 0.75]]]])).tolist() == [255, 64, 191]


def test_continuations_are_the_text_after_each_alternative(data, inspection):
    for kept, each in zip(data["continuations"], inspection.continuations, strict=True):
        assert kept["position"] == each.position
        assert kept["token"] == each.alternative
        assert kept["text"] == TOKENIZER.decode_bytes(each.tokens).decode()
    assert data["before"] == [PROMPT[:end] for end in range(len(PROMPT) + 1)]


def test_the_trace_has_eleven_stages_with_labelled_tables(data, inspection):
    assert len(data["trace"]) == 11
    for stage in data["trace"]:
        for table in stage["tables"]:
            assert len(table["numbers"]) == len(table["rows"]) <= 16
            assert {len(row) for row in table["numbers"]} == {len(table["columns"])}
    embeddings = data["trace"][2]["tables"][0]
    exact = inspection.trace.stages[2].values["embeddings"][-16:, :8]
    np.testing.assert_allclose(embeddings["numbers"], exact, atol=0.5001e-3)
    assert embeddings["note"] == "the first 8 of 12 columns, the last 16 of 27 rows"
    (scores,) = data["trace"][10]["tables"]
    assert scores["columns"][0] == data["vocabulary"][str(data["answer"])]
    best = inspection.alternatives.probabilities[-1, 0].item()
    assert scores["numbers"][0][0] == pytest.approx(best, abs=0.5001e-3)


def test_a_prompt_cannot_leave_the_data_block(page, elements):
    assert page.count("</script>") == 2
    assert len(elements.texts("script")) == 2
    assert PROMPT not in page
    assert elements.texts("h1")[0].strip() == "Inside <b>mine</b>"
    (style,) = elements.texts("style")
    assert style.strip() == read_asset("page.css").strip()


def test_the_page_refers_to_nothing_outside(page, elements):
    assert not re.search(r"https?:|//cdn|@import|url\(", page.replace("http://www.w3.org/", ""))
    for _, attributes, _ in elements.found:
        assert not attributes.keys() & {"src", "href", "action", "onclick", "style"}
    (policy,) = [
        each["content"]
        for _, each, _ in elements.found
        if each.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")


def test_parts_of_characters_are_shown_as_bytes_and_completed_in_a_continuation():
    tokenizer = BytePairTokenizer.train(["abc"], 258)
    first, *rest = tokenizer.encode("é")
    assert token_text(tokenizer, first) == "<c3>"
    assert token_text(tokenizer, tokenizer.encode("a")[0]) == "a"
    assert text_after(tokenizer, [first], [*rest, *tokenizer.encode("a")]) == "�a"


def luminance(colour):
    """Relative luminance of #rrggbb (WCAG 2.2)."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def mixed(one, other, share):
    channels = [
        round(share * int(one[i : i + 2], 16) + (1 - share) * int(other[i : i + 2], 16))
        for i in (1, 3, 5)
    ]
    return "#" + "".join(f"{channel:02x}" for channel in channels)


@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
def test_text_has_enough_contrast_in_both_modes(mode):
    block = re.findall(r":root \{(.*?)\}", read_asset("page.css"), re.DOTALL)[mode]
    colours = dict(re.findall(r"--([\w-]+): (#\w{6});", block))
    paper, surface, ink = colours["paper"], colours["surface"], colours["ink"]
    pairs = [
        (colours[text], back) for text in ("ink", "muted", "warm") for back in (paper, surface)
    ]
    pairs += [(ink, mixed(colours["accent"], surface, 0.45)), (colours["accent"], paper)]
    pairs += [(ink, mixed(colours[tint], surface, 0.32)) for tint in ("accent", "warm")]
    pairs += [(colours["muted"], mixed(colours["accent"], paper, 0.14))]
    pairs += [(colours["on-accent"], colours["accent"])]
    assert min(contrast(*pair) for pair in pairs) >= 4.5
