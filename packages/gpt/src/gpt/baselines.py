"""The production libraries that ours is compared with; needs the extra `baselines`."""

import json
from collections.abc import Callable

try:
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
except ImportError as error:
    raise ImportError("comparisons need: pip install 'insideout-gpt[baselines]'") from error

from gpt.text.bpe import Pair


def library_bpe(
    documents: list[str], vocab_size: int
) -> tuple[list[Pair], Callable[[str], list[int]]]:
    """Byte-level BPE by the library `tokenizers`: its merges as pairs of ids, and its encoder."""
    library = Tokenizer(models.BPE())
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=0,
        special_tokens=[],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    library.train_from_iterator(documents, trainer)
    model = json.loads(library.to_str())["model"]
    ids = model["vocab"]
    merges = [(ids[left], ids[right]) for left, right in model["merges"]]
    return merges, lambda text: library.encode(text).ids
