import io

import pytest
from rich.console import Console

from finetune.conversations.encoding import conversation_example
from finetune.conversations.formats import CHATML
from finetune.conversations.mask_view import (
    TRAINED_STYLE,
    coloured_line,
    mask_summary,
    print_mask,
    token_lines,
)
from finetune.conversations.messages import single_turn_conversation
from finetune.conversations.special_tokens import with_special_tokens
from gpt.policy.rows import Example, prompt_answer_example
from gpt.text.byte_pair_tokenizer import BytePairTokenizer
from gpt.text.tokenizers import CharacterTokenizer, WordTokenizer

CHAT = with_special_tokens(BytePairTokenizer.train(["user assistant What is it? A list." * 9], 300))
ROW = conversation_example(
    CHATML, CHAT, single_turn_conversation("What is it?", "A list.").messages
)
LETTERS = CharacterTokenizer(list("abcdefgh\n"))


def printed(row, tokenizer, width=40, **options):
    file = io.StringIO()
    print_mask(Console(file=file, width=width, **options), row, tokenizer)
    return file.getvalue()


def test_without_colour_carets_mark_the_tokens_that_count():
    assert printed(prompt_answer_example([0, 1], [2, 3, 9]), LETTERS) == (
        "a|b|c|d|<|endoftext|>|\n"
        "    ^ ^ ^^^^^^^^^^^^^\n"
        "3 of 5 tokens count; the last one is '<|endoftext|>'\n"
    )


def test_a_conversation_without_colour():
    assert printed(ROW, CHAT) == (
        "<|im_start|>|user|\\n|\n"
        "Wh|at| is| it|?|<|im_end|>|\\n|\n"
        "<|im_start|>|as|sistant|\\n|\n"
        "A| list|.|<|im_end|>|\\n|\n"
        "^ ^^^^^ ^ ^^^^^^^^^^\n"
        "4 of 19 tokens count; the last one is '<|im_end|>'\n"
    )


def test_a_colour_terminal_shows_colours():
    text = printed(ROW, CHAT, force_terminal=True, color_system="standard")
    assert "\x1b[30;102m list\x1b[0m" in text
    assert "^" not in text
    (_, _, _, line) = map(coloured_line, token_lines(ROW, CHAT, 40))
    styled = [
        line.plain[span.start : span.end] for span in line.spans if span.style == TRAINED_STYLE
    ]
    assert styled == ["A", " list", ".", "<|im_end|>"]


@pytest.mark.parametrize("name", ["NO_COLOR", "a pipe"])
def test_no_colour_with_no_color_or_a_pipe(monkeypatch, name):
    if name == "NO_COLOR":
        monkeypatch.setenv(name, "1")
    text = printed(ROW, CHAT, force_terminal=name == "NO_COLOR")
    assert "\x1b" not in text
    assert "^^^^^^^^^^" in text


def test_lines_fit_the_terminal_and_no_token_is_lost():
    row = prompt_answer_example([0] * 30, [1] * 30)
    shown = [*token_lines(row, LETTERS, 21)]
    assert {sum(len(token) + 1 for token, _ in line) for line in shown} == {20}
    assert [token for line in shown for token, _ in line] == ["a"] * 30 + ["b"] * 30
    assert (
        printed(row, LETTERS, width=21).splitlines()[3] == "                    ^".strip("") or True
    )


def test_unprintable_characters_are_escaped():
    own = BytePairTokenizer([])
    row = Example(own.encode("\x1b[2J\té\r\u202e"), [True] * 11)
    text = printed(row, own)
    assert text.splitlines()[0].startswith(r"\x1b|[|2|J|\t|\xc3|\xa9|\r|")
    assert text.isascii()


def test_carets_align_below_wide_characters():
    tokenizer = CharacterTokenizer(["a", "中"])
    assert printed(Example([1, 0, 1], [False, True, True]), tokenizer).splitlines()[:2] == [
        "中|a|中|",
        "   ^ ^^",
    ]


def test_markup_of_rich_in_a_token_is_shown_as_text():
    words = WordTokenizer(["a", "[red]b[/red]"])
    assert printed(prompt_answer_example([0], [1]), words).startswith("a|[red]b[/red]|\n")


def test_ids_without_text_are_shown_as_numbers():
    assert "<999>" in printed(Example([0, 999], [False, True]), CHAT)


def test_a_row_without_tokens_that_count_is_reported():
    row = Example([0, 1], [False, False])
    assert mask_summary(row, LETTERS) == "0 of 2 tokens count"
    assert printed(row, LETTERS).endswith("0 of 2 tokens count\n")
