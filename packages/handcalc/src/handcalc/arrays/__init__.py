"""The transformers once more, on NumPy arrays: whole batches, several layers, two architectures.

`layers`, `attention`, `positions`, `heads`, `feed_forward`, `loss`, `gpt`, `post_norm`,
`encoder_decoder`. Nothing else in the package needs NumPy, and nothing else imports this folder.

Each operation returns its result and the way back, a function from the gradient of the loss at the
result to those at what went in: y, back = f(x) and later x_grad = back(y_grad). A name with a
capital (`Norm`, `Heads`, `GPT`) is a bundle of weights, and the gradients at them come back in a
bundle of the same kind. Every matrix is stored as outputs x inputs.

Shapes: B batch, T positions (S where keys differ), D model, H heads, K width of a head, F
feed-forward, V vocabulary. The batch comes first, numbers are float64, and masks are True where
something is kept.
"""

from importlib.util import find_spec

if find_spec("numpy") is None:
    raise ImportError(
        "the arrays need the extra numpy; in a clone: uv pip install -e 'packages/handcalc[numpy]'"
    )
