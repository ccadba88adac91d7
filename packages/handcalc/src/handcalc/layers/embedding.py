"""Words to token ids, and token ids to rows: a token embedding plus a position embedding.

X[t] = token[tokens[t]] + position[t]    (Vaswani et al. 2017, sections 3.4 and 3.5)
"""

from handcalc.calculation import TYPE_CHECKING, Calculation, Matrix, Name, Tokens, plus

if TYPE_CHECKING:
    from collections.abc import Callable

WORDS = ["PAD", "BOS", "EOS", "I", "like", "transformers"]
"""The vocabulary: PAD fills unused positions, BOS begins a text and EOS ends it."""


def encode(text: str, words: "list[str]" = WORDS) -> Tokens:
    """Return the token ids of the words of a text, between those of BOS and EOS.

    Raises:
        ValueError: a word is not in the vocabulary.
    """
    for word in text.split():
        if word not in words:
            raise ValueError(f"the vocabulary has no {word!r}; it has {', '.join(words)}")
    return [words.index(word) for word in ["BOS"] + text.split() + ["EOS"]]


def decode(tokens: Tokens, words: "list[str]" = WORDS) -> str:
    """Return the words of token ids, joined by spaces; PAD, BOS and EOS are left out."""
    return " ".join([words[id] for id in tokens if words[id] not in ("PAD", "BOS", "EOS")])


def embed(token: Matrix, position: Matrix, tokens: Tokens) -> Matrix:
    """X[t] = token[tokens[t]] + position[t]."""
    return [[a + b for a, b in zip(token[id], row)] for id, row in zip(tokens, position)]


def embed_backward(
    token: Matrix, position: Matrix, tokens: Tokens, x_grad: Matrix
) -> "tuple[Matrix, Matrix]":
    """token.grad[v] = sum of X.grad[t] where tokens[t] = v;    position.grad[t] = X.grad[t].

    Rows that were not used get 0.
    """
    width = len(x_grad[0])
    token_grad = [[0.0] * width for _ in token]
    met: set[int] = set()
    for id, row in zip(tokens, x_grad):
        token_grad[id] = plus([token_grad[id]], [row])[0] if id in met else row
        met.add(id)
    unused = len(position) - len(tokens)
    return token_grad, x_grad + [[0.0] * width for _ in range(unused)]


def embedding(c: Calculation, x: Name = "X") -> "tuple[Name, Callable[[Name], list[Name]]]":
    """Add the line of the embedded text, called x; `back` adds the gradients of both tables."""
    inputs = ["token", "position", "tokens"]
    c.line(x, embed, *inputs)
    gradients = ["token.grad", "position.grad"]
    return x, lambda x_grad: c.tuple_line(gradients, embed_backward, *inputs, x_grad)
