import pytest
import torch

from finetune.conversations.special_tokens import extend_vocabulary
from gpt.errors import BadInput
from gpt.model.config import GPTConfig
from gpt.model.gpt import GPT

SHAPE = {"vocab_size": 6, "context": 8, "n_layers": 1, "n_heads": 2, "d_model": 8, "d_ff": 16}


@pytest.mark.parametrize("tied", [True, False])
def test_logits_of_the_old_tokens_do_not_change(tied):
    model = GPT(GPTConfig(**SHAPE, tied_head=tied, head_bias=True))
    wider, tokens = extend_vocabulary(model, 9), torch.tensor([[0, 5, 3]])
    torch.testing.assert_close(wider(tokens)[..., :6], model(tokens))
    assert wider(tokens).shape == (1, 3, 9)
    assert wider.config.vocab_size == 9


def test_new_rows_are_near_the_mean_and_differ():
    model = GPT(GPTConfig(**SHAPE))
    rows = extend_vocabulary(model, 8, torch.Generator().manual_seed(0)).embedding.weight.detach()
    spread = rows[:6].std(dim=0)
    assert ((rows[6:] - rows[:6].mean(dim=0)).abs() < 0.5 * spread).all()
    assert not torch.equal(rows[6], rows[7])


def test_a_smaller_vocabulary_is_refused():
    with pytest.raises(BadInput, match="has 6 tokens; its vocabulary cannot shrink to 5"):
        extend_vocabulary(GPT(GPTConfig(**SHAPE)), 5)
