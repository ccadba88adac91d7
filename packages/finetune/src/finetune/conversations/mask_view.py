"""Which tokens a model learns from, to be looked at before hours are spent on the wrong ones.

Bars stand between tokens. Those that count are coloured; where the terminal has no colour, as in a
file or with NO_COLOR, carets stand below them. Everything that does not print is escaped, so that a
data set cannot move the cursor.
"""

from collections.abc import Iterator

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from finetune.conversations.rows import Example
from gpt.text.tokenizers import Tokenizer

TRAINED_STYLE = "black on bright_green"
TOKEN_SEPARATOR = "|"

DisplayedToken = tuple[str, bool]  # as shown, and whether it counts


def print_mask(console: Console, example: Example, tokenizer: Tokenizer) -> None:
    """Show every token of a row, and below how many count."""
    form = line_with_carets if console.no_color or console.color_system is None else coloured_line
    for line in token_lines(example, tokenizer, console.width):
        console.print(form(line), no_wrap=True, overflow="ignore", crop=False)
    console.print(Text(mask_summary(example, tokenizer)), soft_wrap=True)


def token_lines(
    example: Example, tokenizer: Tokenizer, width: int
) -> Iterator[list[DisplayedToken]]:
    """The tokens in lines of at most `width` columns, broken after every newline too."""
    line: list[DisplayedToken] = []
    used = 0
    for token, counts in zip(example.tokens, example.mask, strict=True):
        text = printable_token(tokenizer, token)
        if line and used + cell_len(text) + len(TOKEN_SEPARATOR) > width:
            yield line
            line, used = [], 0
        line.append((text, counts))
        used += cell_len(text) + len(TOKEN_SEPARATOR)
        if text.endswith(r"\n"):
            yield line
            line, used = [], 0
    if line:
        yield line


def printable_token(tokenizer: Tokenizer, token: int) -> str:
    """What a token spells; part of a character, or what does not print, as an escape."""
    text = tokenizer.decode_bytes([token]).decode("utf-8", errors="backslashreplace")
    printed = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return "".join(printed) or f"<{token}>"  # models have ids beyond their tokenizer


def coloured_line(line: list[DisplayedToken]) -> Text:
    """A line whose tokens that count have a colour."""
    text = Text()
    for token, counts in line:
        text.append(token, TRAINED_STYLE if counts else "")
        text.append(TOKEN_SEPARATOR, "dim")
    return text


def line_with_carets(line: list[DisplayedToken]) -> Text:
    """A line, and carets below its tokens that count."""
    above = "".join(token + TOKEN_SEPARATOR for token, _ in line)
    below = "".join("^ "[not counts] * cell_len(token) + " " for token, counts in line)
    return Text(f"{above}\n{below}".rstrip())


def mask_summary(example: Example, tokenizer: Tokenizer) -> str:
    """How many tokens count, and the last of them: it should be the one that ends an answer."""
    learned = [token for token, counts in zip(*example, strict=True) if counts]
    of = f"{len(learned)} of {len(example.tokens)} tokens count"
    return f"{of}; the last one is {printable_token(tokenizer, learned[-1])!r}" if learned else of
