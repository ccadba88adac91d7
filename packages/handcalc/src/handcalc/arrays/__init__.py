"""The same layers on NumPy arrays: whole batches, several blocks, GPT and the encoder-decoder.

In order of reading: `layers`, `attention`, `positions`, `heads`, `feed_forward`, `loss`, `gpt`,
`post_norm`, `encoder_decoder`. Only tests and readers use this folder: no command imports it, and
nothing else in the package needs NumPy.

Each operation returns its result and `back`, a function from the gradient of the loss at the result
to the gradients at the inputs: y, back = f(x) and later x_grad = back(y_grad). A capitalised name
(`Norm`, `Heads`, `GPT`) is a bundle of weights, and their gradients have the same type. Every
matrix is stored as outputs x inputs.

Shapes: B batch, T positions (S where keys differ), D model, H heads, K width of a head, F
feed-forward, V vocabulary. The batch comes first, numbers are float64, and masks are True where
attention or loss is kept.
"""

from importlib.util import find_spec

if find_spec("numpy") is None:
    raise ImportError(
        "the arrays need the extra numpy; in a clone: uv pip install -e 'packages/handcalc[numpy]'"
    )
