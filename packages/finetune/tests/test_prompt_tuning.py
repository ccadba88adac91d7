import pytest
import torch

from finetune.lora.prompt_tuning import with_soft_prompt
from gpt.errors import BadInput
from gpt.generation.generate import generate, generate_batch
from gpt.model.attention import causal_mask
from gpt.model.config import GPTConfig
from gpt.model.gpt import GPT
from gpt.policy.policy import Policy, share_layers_as

SHAPE = GPTConfig(vocab_size=20, context=24, n_layers=2, n_heads=4, d_model=16, d_ff=32)
TOKENS = torch.randint(0, 20, (3, 9), generator=torch.Generator().manual_seed(1))
POSITIONS = pytest.mark.parametrize("positions", ["learned", "rotary", "alibi", "t5"])


def base(positions="rotary"):
    model = GPT(GPTConfig(**vars(SHAPE) | {"positions": positions})).eval()
    for parameter in model.parameters():
        parameter.data += 0.2 * torch.randn_like(parameter)
    return model


def greedy(scores):
    return scores.argmax(-1)


def test_only_the_prompt_is_trained():
    model = with_soft_prompt(base(), 5)
    trained = {n: p.shape for n, p in model.named_parameters() if p.requires_grad}
    assert trained == {"embedding.prompt": (5, 16)}


@POSITIONS
def test_a_prompt_of_embedding_rows_acts_like_tokens_before_the_text(positions):
    """With the vectors of tokens 3, 1 and 4, the model reads 3 1 4 first."""
    model = base(positions)
    words = torch.tensor([3, 1, 4])
    expected = model(torch.cat([words.expand(3, 3), TOKENS], dim=1))[:, 3:]
    tuned = with_soft_prompt(model, 3)
    tuned.embedding.prompt.data = model.embedding.weight[words].detach().clone()
    torch.testing.assert_close(tuned(TOKENS), expected)
    assert (tuned(TOKENS) - model(TOKENS)).abs().max() > 0.01


def test_the_prompt_starts_as_rows_of_the_embedding():
    model = base()
    tuned = with_soft_prompt(model, 4, torch.Generator().manual_seed(3))
    again = with_soft_prompt(model, 4, torch.Generator().manual_seed(3))
    assert torch.equal(tuned.embedding.prompt, again.embedding.prompt)
    for row in tuned.embedding.prompt:
        assert (row == model.embedding.weight).all(dim=1).any()


def test_training_the_prompt_lowers_the_loss_and_changes_nothing_else():
    model = base()
    before = {name: each.clone() for name, each in model.state_dict().items()}
    tuned, losses = with_soft_prompt(model, 8), []
    optimizer = torch.optim.AdamW([tuned.embedding.prompt], lr=0.1)
    for _ in range(40):
        optimizer.zero_grad()
        loss = tuned(TOKENS[:1, :-1], targets=TOKENS[:1, 1:]) / 8
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
    assert all(torch.equal(each, before[name]) for name, each in model.state_dict().items())


@POSITIONS
def test_generation_with_a_cache_equals_repeated_forward_passes(positions):
    tuned = with_soft_prompt(base(positions), 4)
    text = [1, 2]
    for _ in range(10):
        text.append(int(tuned(torch.tensor([text]))[0, -1].argmax()))
    assert list(generate(tuned, [1, 2], 10, greedy)) == text[2:]


@POSITIONS
def test_texts_of_different_lengths_can_share_a_batch(positions):
    tuned, texts = with_soft_prompt(base(positions), 3), [[1, 2, 3, 4, 5], [6], [7, 8]]
    together = generate_batch(tuned, texts, 8, greedy)
    assert together == [list(generate(tuned, text, 8, greedy)) for text in texts]


def test_the_prompt_survives_a_text_longer_than_the_context():
    tuned = with_soft_prompt(base("learned"), 4)
    assert tuned.config.context == 20
    assert len(list(generate(tuned, [1], 30, greedy))) == 30


@pytest.mark.parametrize("n_vectors", [0, 24])
def test_a_prompt_must_leave_room_for_text(n_vectors):
    with pytest.raises(BadInput, match=f"a prompt of {n_vectors} vectors .* context of 24"):
        with_soft_prompt(base(), n_vectors)


def test_a_mask_is_refused():
    with pytest.raises(BadInput, match="takes no mask"):
        with_soft_prompt(base(), 2)(TOKENS, causal_mask(9, 9)[None, None])


def test_a_model_with_a_soft_prompt_cannot_become_a_class_that_would_drop_it():
    with pytest.raises(BadInput, match="a PromptTunedGPT model as a Policy would lose its prompt"):
        share_layers_as(Policy, with_soft_prompt(base(), 3))
