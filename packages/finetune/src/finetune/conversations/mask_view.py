"""Show a row and its mask in the terminal, before hours are spent on training the wrong tokens.

Bars separate the tokens. Tokens that count in the loss are coloured, or underlined with carets
where there is no colour (a file, or NO_COLOR). Unprintable characters are escaped, so that no data
set can control the terminal.
"""

from collections.abc import Iterator

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from gpt.policy.rows import Example
from gpt.text.tokenizers import Tokenizer

TRAINED_STYLE = "black on bright_green"
TOKEN_SEPARATOR = "|"

DisplayedToken = tuple[str, bool]  # as shown, and whether it counts in the loss


def print_mask(console: Console, example: Example, tokenizer: Tokenizer) -> None:
    """Print every token of a row, and below them how many count in the loss."""
    has_colour = not console.no_color and console.color_system is not None
    for line in token_lines(example, tokenizer, console.width):
        text = coloured_line(line) if has_colour else line_with_carets(line)
        console.print(text, no_wrap=True, overflow="ignore", crop=False)
    console.print(Text(mask_summary(example, tokenizer)), soft_wrap=True)


def token_lines(
    example: Example, tokenizer: Tokenizer, width: int
) -> Iterator[list[DisplayedToken]]:
    """Yield the tokens in lines of at most `width` columns, with a break after every newline."""
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
    """Return the text of a token, with incomplete and unprintable characters as escapes."""
    text = tokenizer.decode_bytes([token]).decode("utf-8", errors="backslashreplace")
    printed = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return "".join(printed) or f"<{token}>"  # a model may have more ids than its tokenizer


def coloured_line(line: list[DisplayedToken]) -> Text:
    """Return a line in which the tokens that count have a colour."""
    text = Text()
    for token, counts in line:
        text.append(token, TRAINED_STYLE if counts else "")
        text.append(TOKEN_SEPARATOR, "dim")
    return text


def line_with_carets(line: list[DisplayedToken]) -> Text:
    """Return a line with carets below the tokens that count."""
    above = "".join(token + TOKEN_SEPARATOR for token, _ in line)
    below = "".join("^ "[not counts] * cell_len(token) + " " for token, counts in line)
    return Text(f"{above}\n{below}".rstrip())


def mask_summary(example: Example, tokenizer: Tokenizer) -> str:
    """Return how many tokens count, and the last of them, which should be the stop token."""
    trained = [token for token, counts in zip(*example, strict=True) if counts]
    text = f"{len(trained)} of {len(example.tokens)} tokens count"
    if not trained:
        return text
    return f"{text}; the last one is {printable_token(tokenizer, trained[-1])!r}"
