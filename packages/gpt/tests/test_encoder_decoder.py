import pytest
import torch
from einops import rearrange
from torch import nn

from gpt.architectures.cross_attention import CrossAttention
from gpt.architectures.decoding import SourceDecoder, greedy_decode
from gpt.architectures.encoder_decoder import EncoderDecoder, EncoderDecoderConfig
from gpt.architectures.teacher_forcing import make_pair_batch, teacher_forcing_loss
from gpt.errors import BadInput
from gpt.model.attention import attention
from gpt.training.loop import LoopConfig, train

SHAPE = {"vocab_size": 12, "context": 8, "n_layers": 2, "n_heads": 2, "d_model": 16, "d_ff": 32}
BEGIN, END = 1, 2
PAIRS = [([3, 4, 5], [6, 7]), ([8, 9], [10, 3, 4, 5]), ([7], [7])]


def make(**changes):
    """Make a model whose weights are large enough for clear differences."""
    model = EncoderDecoder(EncoderDecoderConfig(**SHAPE | changes)).eval()
    for parameter in model.parameters():
        parameter.data += 0.2 * torch.randn_like(parameter)
    return model


def test_cross_attention_by_hand():
    """Two source rows; the query is so close to the first key that it gets nearly all weight."""
    layer = CrossAttention(2, 1, 2, bias=False)
    same = torch.eye(2)
    layer.query.weight.data, layer.output.weight.data = same, same
    layer.key_value.weight.data = torch.cat([same, 10 * same])  # keys, then values
    source = layer.project(torch.tensor([[[1.0, 0.0], [0.0, 1.0]]]))
    assert source.values[0, 0].tolist() == [[10, 0], [0, 10]]
    score = 2**0.5 * torch.tensor(3.0).log()  # so that the weights are 3/4 and 1/4
    x = torch.stack([score, torch.tensor(0.0)])[None, None]
    torch.testing.assert_close(layer(x, source), torch.tensor([[[7.5, 2.5]]]))
    only_second = torch.tensor([False, True])[None, None, None]
    torch.testing.assert_close(layer(x, source, only_second), torch.tensor([[[0.0, 10.0]]]))


def test_cross_attention_is_the_equation_with_queries_and_keys_from_different_rows():
    layer, x, source = (
        CrossAttention(12, 3, 4, bias=True),
        torch.randn(2, 5, 12),
        torch.randn(2, 7, 12),
    )
    mask = torch.arange(7) < torch.tensor([7, 3])[:, None, None, None]
    q, k, v = (
        rearrange(each, "B T (H K) -> B H T K", H=3)
        for each in (layer.query(x), *layer.key_value(source).chunk(2, dim=-1))
    )
    expected = layer.output(rearrange(attention(q, k, v, mask), "B H T K -> B T (H K)"))
    torch.testing.assert_close(layer(x, layer.project(source), mask), expected)


def copy_attention(theirs, projections, output):
    """Copy our projections into torch's layer, which has one matrix for q, k and v."""
    for kind in ("weight", "bias"):
        stacked = torch.cat([getattr(each, kind).data for each in projections])
        getattr(theirs, f"in_proj_{kind}").data = stacked
    theirs.out_proj.load_state_dict(output.state_dict())


def to_torch(model, config):
    """Return torch's transformer with our weights."""
    library = nn.Transformer(
        config.d_model, config.n_heads, config.n_layers, config.n_layers, config.d_ff, 0.0,
        nn.functional.gelu, batch_first=True, norm_first=config.norm == "pre",
        layer_norm_eps=config.norm_eps,
    ).eval()  # fmt: skip
    norms = [(library.encoder, model.encoder_norm), (library.decoder, model.decoder_norm)]
    for stack, norm in norms:
        if config.norm == "post":
            stack.norm = None  # post-norm needs no norm at the end
        else:
            stack.norm.weight.data, stack.norm.bias.data = norm.gain.data, norm.bias.data
    layers = [*library.encoder.layers, *library.decoder.layers]
    for theirs, ours in zip(layers, [*model.encoder_blocks, *model.decoder_blocks], strict=True):
        copy_attention(theirs.self_attn, [ours.attention.qkv], ours.attention.output)
        ordered = [ours.attention_norm, ours.mlp_norm]
        if hasattr(ours, "cross_attention"):
            cross = ours.cross_attention
            copy_attention(theirs.multihead_attn, [cross.query, cross.key_value], cross.output)
            ordered.insert(1, ours.cross_attention_norm)
        for number, norm in enumerate(ordered, 1):
            each = getattr(theirs, f"norm{number}")
            each.weight.data, each.bias.data = norm.gain.data, norm.bias.data
        theirs.linear1.load_state_dict(ours.mlp.widen.state_dict())
        theirs.linear2.load_state_dict(ours.mlp.narrow.state_dict())
    return library


@pytest.mark.filterwarnings("ignore:enable_nested_tensor:UserWarning")
@pytest.mark.parametrize("norm", ["pre", "post"])
def test_hidden_states_and_gradients_are_those_of_torchs_transformer(norm):
    model = make(norm=norm)
    library = to_torch(model, model.config)
    batch = make_pair_batch(PAIRS, BEGIN, END, context=8)
    ours = model.decode(batch.inputs, model.encode(batch.source, batch.source_kept))
    embedded = [
        model.embed(tokens, slice(0, tokens.shape[1])) for tokens in (batch.source, batch.inputs)
    ]
    theirs = library(
        *embedded,
        tgt_mask=nn.Transformer.generate_square_subsequent_mask(batch.inputs.shape[1]),
        src_key_padding_mask=~batch.source_kept, memory_key_padding_mask=~batch.source_kept,
        tgt_is_causal=True,
    )  # fmt: skip
    kept = batch.target_kept
    torch.testing.assert_close(ours[kept], theirs[kept], atol=1e-5, rtol=1e-5)
    upstream = torch.randn_like(ours[kept])
    (mine,) = torch.autograd.grad((ours[kept] * upstream).sum(), [model.embedding.weight])
    (other,) = torch.autograd.grad((theirs[kept] * upstream).sum(), [model.embedding.weight])
    torch.testing.assert_close(mine, other, atol=1e-4, rtol=1e-4)


def test_teacher_forcing_shifts_the_target_right():
    batch = make_pair_batch(PAIRS[:2], BEGIN, END, context=8)
    assert batch.source.tolist() == [[3, 4, 5], [8, 9, 0]]
    assert batch.inputs.tolist() == [[1, 6, 7, 0, 0], [1, 10, 3, 4, 5]]
    assert batch.targets.tolist() == [[6, 7, 2, 0, 0], [10, 3, 4, 5, 2]]
    assert batch.target_kept.tolist() == [[True] * 3 + [False] * 2, [True] * 5]


def test_the_loss_scores_every_target_token_after_those_before_it():
    model, batch = make(), make_pair_batch(PAIRS, BEGIN, END, context=8)
    loss = teacher_forcing_loss(model, batch)
    assert loss.terms == 3 + 5 + 2
    expected = 0.0
    for source, target in PAIRS:  # each alone, one target token at a time
        for place, token in enumerate([*target, END]):
            read = torch.tensor([[BEGIN, *target[:place]]])
            tokens, kept = torch.tensor([source]), torch.ones(1, len(source), dtype=torch.bool)
            expected -= model(tokens, kept, read)[0, -1].log_softmax(-1)[token]
    torch.testing.assert_close(loss.total, expected)


def test_padding_of_the_source_changes_nothing_and_every_real_source_token_counts():
    model = make()
    inputs = torch.tensor([[1, 6, 7]])
    short = model(torch.tensor([[8, 9]]), torch.tensor([[True, True]]), inputs)
    kept = torch.tensor([[True, True, False, False]])
    for padding in (0, 5):
        padded = model(torch.tensor([[8, 9, padding, padding]]), kept, inputs)
        torch.testing.assert_close(padded, short)
    for changed in ([[7, 9]], [[8, 7]]):
        other = model(torch.tensor(changed), torch.tensor([[True, True]]), inputs)
        assert ((other - short).abs().amax(dim=-1) > 1e-3).all()  # at every target position


def test_future_target_tokens_change_no_past_logits():
    model, source = make(), torch.tensor([[8, 9]])
    kept = torch.ones(1, 2, dtype=torch.bool)
    one, other = (model(source, kept, torch.tensor([[1, 6, last]])) for last in (7, 8))
    assert torch.equal(one[:, :2], other[:, :2])
    assert not torch.allclose(one[:, 2], other[:, 2])


@pytest.mark.parametrize("changes", [{}, {"norm": "post", "positions": "sinusoidal"}])
def test_cached_log_probabilities_are_those_of_one_pass_also_after_rows_are_selected(changes):
    model, batch = make(**changes), make_pair_batch(PAIRS, BEGIN, END, context=8)
    target, order = torch.tensor([[1, 6, 7], [1, 10, 3], [1, 7, 4]]), torch.tensor([2, 0, 0])
    reader = SourceDecoder(model, batch.source, batch.source_kept, max_new_tokens=3)
    found = [reader.next_logprobs(target[:, 0]), reader.next_logprobs(target[:, 1])]
    full = model(batch.source, batch.source_kept, target).log_softmax(dim=-1)
    torch.testing.assert_close(torch.stack(found, dim=1), full[:, :2])
    reader.select_rows(order)
    torch.testing.assert_close(reader.next_logprobs(target[order, 2]), full[order, 2])


def test_greedy_decoding_leaves_out_the_end_token_and_what_follows_it():
    class Scripted:
        """The first row ends after 5; what it would write then means nothing."""

        after = torch.tensor([0, 5, 7, 4, 3, END, 0, END])

        def next_logprobs(self, tokens):
            return nn.functional.one_hot(self.after[tokens], 12).log()

        def select_rows(self, rows):
            """Greedy decoding keeps all rows."""

    assert greedy_decode(Scripted(), 1, BEGIN, END, 10) == [[5]]
    assert greedy_decode(Scripted(), 2, 3, END, 3) == [[4, 3, 4]] * 2


def test_rows_that_have_ended_wait_for_the_others():
    model, batch = make(), make_pair_batch(PAIRS, BEGIN, END, context=8)

    def written(source, kept):
        return greedy_decode(SourceDecoder(model, source, kept, 8), len(source), BEGIN, END, 8)

    together = written(batch.source, batch.source_kept)
    alone = [
        written(torch.tensor([source]), torch.ones(1, len(source), dtype=torch.bool))[0]
        for source, _ in PAIRS
    ]
    assert together == alone


def all_kept(*shape):
    return torch.ones(shape, dtype=torch.long), torch.ones(shape, dtype=torch.bool)


CALLS = {
    "source too long": (
        lambda model: model.encode(*all_kept(1, 9)),
        "the source has 9 tokens, but the model reads at most 8",
    ),
    "empty source": (
        lambda model: model.encode(all_kept(2, 3)[0], torch.tensor([[True] * 3, [False] * 3])),
        "the source of row 1 is empty",
    ),
    "no tokens": (
        lambda model: SourceDecoder(model, *all_kept(1, 2), max_new_tokens=0),
        "max_new_tokens must lie between 1 and the context of 8, got 0",
    ),
    "more tokens than the context": (
        lambda model: SourceDecoder(model, *all_kept(1, 2), max_new_tokens=9),
        "max_new_tokens must lie between 1 and the context of 8, got 9",
    ),
    "two tokens for one source": (
        lambda model: SourceDecoder(model, *all_kept(1, 2), 8).next_logprobs(torch.tensor([1, 1])),
        "1 rows need a token each, got 2",
    ),
    "greedy decoding of no tokens": (
        lambda model: greedy_decode(SourceDecoder(model, *all_kept(1, 2), 8), 1, BEGIN, END, 0),
        "max_new_tokens must be at least 1, got 0",
    ),
    "empty source of a pair": (
        lambda model: make_pair_batch([([], [3])], BEGIN, END, 8),
        "sequence 0 has 0 tokens",
    ),
    "target too long": (
        lambda model: make_pair_batch([([3], [3] * 8)], BEGIN, END, 8),
        "sequence 0 has 9 tokens",
    ),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_wrong_call_is_refused(call):
    function, message = CALLS[call]
    with pytest.raises(BadInput, match=message):
        function(make())


def test_a_few_pairs_are_learned_by_heart():
    torch.manual_seed(0)
    model = EncoderDecoder(EncoderDecoderConfig(**SHAPE))
    batch = make_pair_batch(PAIRS, BEGIN, END, context=8)
    loop = LoopConfig(steps=40, learning_rate=2e-2)
    losses = [r.loss for r in train(model, lambda step: [batch], teacher_forcing_loss, loop)]
    assert losses[0] > 2.2 and losses[-1] < 0.1
    reader = SourceDecoder(model.eval(), batch.source, batch.source_kept, 8)
    assert greedy_decode(reader, 3, BEGIN, END, 8) == [target for _, target in PAIRS]
