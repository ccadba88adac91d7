"""What only a CUDA device can show: run with `-m gpu`."""

import pytest
import torch

from gpt.architectures.beam_search import beam_search
from gpt.architectures.decoding import SourceDecoder, greedy_decode
from gpt.architectures.encoder_decoder import EncoderDecoder, EncoderDecoderConfig
from gpt.architectures.padding import pad_sequences
from gpt.generation.generate import generate
from gpt.generation.sampling import greedy_token
from gpt.model.gpt import GPT, GPTConfig
from gpt.text.token_files import Batch
from gpt.training.accumulation import next_token_loss
from gpt.training.config import LoopConfig
from gpt.training.loop import train

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="gpu: needs a CUDA device"),
]
SHAPE = GPTConfig(vocab_size=64, context=32, n_layers=2, n_heads=4, d_model=64, d_ff=128)


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_batch_is_learned_in_bf16(optimizer):
    tokens = torch.randint(0, 64, (4, 33), device="cuda")
    batch = Batch(tokens[:, :-1], tokens[:, 1:])
    config = LoopConfig(steps=200, precision="bf16", optimizer=optimizer, learning_rate=1e-2)
    records = list(train(GPT(SHAPE).cuda(), lambda step: [batch], next_token_loss, config))
    assert records[-1].loss < 0.1


@torch.no_grad()
@pytest.mark.parametrize("n_kv_heads", [4, 2])
def test_cached_logits_equal_uncached_ones(n_kv_heads):
    model = GPT(GPTConfig(**{**vars(SHAPE), "n_kv_heads": n_kv_heads})).cuda().double()
    tokens, cache = torch.randint(0, 64, (2, 20), device="cuda"), model.cache(2, 20)
    parts = [model(part, cache=cache) for part in tokens.split([7, 1, 12], dim=1)]
    torch.testing.assert_close(torch.cat(parts, dim=1), model(tokens), rtol=0, atol=1e-9)


def test_the_same_text_on_the_cpu_and_on_the_card():
    model = GPT(SHAPE).double().eval()
    on_cpu = list(generate(model, [1, 2, 3], 20, greedy_token))
    assert list(generate(model.cuda(), [1, 2, 3], 20, greedy_token)) == on_cpu


def test_an_encoder_decoder_writes_the_same_on_the_cpu_and_on_the_card():
    model = EncoderDecoder(EncoderDecoderConfig(20, 12, 2, 2, d_model=16, d_ff=32)).double().eval()
    found = []
    for device in ("cpu", "cuda"):
        model.to(device)
        both = SourceDecoder(model, *pad_sequences([[5, 6, 7], [8, 9]], context=12), 8)
        one = SourceDecoder(model, *pad_sequences([[5, 6, 7]], context=12), 8)
        beams = beam_search(one, 1, 2, n_beams=3, max_new_tokens=8)
        found.append((greedy_decode(both, 2, 1, 2, 8), [beam.tokens for beam in beams]))
    assert found[0] == found[1]
