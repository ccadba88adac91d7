"""Named model shapes, from a few milliseconds per step to GPT-2."""

from gpt.errors import BadInput
from gpt.model.config import GPTConfig

PRESETS = {
    # for tests and first looks: a step takes milliseconds
    "nano": GPTConfig(context=32, n_layers=2, n_heads=2, d_model=32, d_ff=128),
    # the demo: under two minutes on two cores
    "tiny": GPTConfig(context=64, n_layers=3, n_heads=4, d_model=128, d_ff=512),
    # the default of `gpt train`: a few minutes on two cores
    "small": GPTConfig(context=128, n_layers=4, n_heads=4, d_model=128, d_ff=512),
    # GPT-2 small (Radford et al. 2019, table 2, which says 117M; counted, it is 124,439,808)
    "gpt2": GPTConfig(
        vocab_size=50257,
        context=1024,
        n_layers=12,
        n_heads=12,
        d_model=768,
        d_ff=3072,
        positions="learned",
        attention_bias=True,
        dropout=0.1,
    ),
}


def find_preset(name: str) -> GPTConfig:
    """Return the shape called `name`.

    Raises:
        BadInput: no preset has that name.
    """
    if name not in PRESETS:
        raise BadInput(f"there is no preset {name!r}; there are {', '.join(PRESETS)}")
    return PRESETS[name]
