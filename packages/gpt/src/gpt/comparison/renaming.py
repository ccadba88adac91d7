"""Weights of BERT and Marian of transformers, renamed for our encoder and encoder-decoder."""

from typing import Any

import torch
from torch import Tensor

from gpt.architectures.encoder import EncoderConfig, MaskedLanguageModel
from gpt.architectures.encoder_decoder import EncoderDecoder, EncoderDecoderConfig

Weights = dict[str, Tensor]

BERT_NAMES = {
    "encoder.embedding.weight": "bert.embeddings.word_embeddings.weight",
    "encoder.positions.weight": "bert.embeddings.position_embeddings.weight",
    "encoder.embedding_norm": "bert.embeddings.LayerNorm",
    "transform.weight": "cls.predictions.transform.dense.weight",
    "transform.bias": "cls.predictions.transform.dense.bias",
    "transform_norm": "cls.predictions.transform.LayerNorm",
    "head_bias": "cls.predictions.bias",
}
BERT_BLOCK_NAMES = {
    "attention.qkv": ["attention.self.query", "attention.self.key", "attention.self.value"],
    "attention.output": ["attention.output.dense"],
    "attention_norm": ["attention.output.LayerNorm"],
    "mlp.widen": ["intermediate.dense"],
    "mlp.narrow": ["output.dense"],
    "mlp_norm": ["output.LayerNorm"],
}
MARIAN_BLOCK_NAMES = {
    "attention.qkv": ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
    "attention.output": ["self_attn.out_proj"],
    "attention_norm": ["self_attn_layer_norm"],
    "mlp.widen": ["fc1"],
    "mlp.narrow": ["fc2"],
    "mlp_norm": ["final_layer_norm"],
}
MARIAN_DECODER_NAMES = MARIAN_BLOCK_NAMES | {
    "cross_attention.query": ["encoder_attn.q_proj"],
    "cross_attention.key_value": ["encoder_attn.k_proj", "encoder_attn.v_proj"],
    "cross_attention.output": ["encoder_attn.out_proj"],
    "cross_attention_norm": ["encoder_attn_layer_norm"],
}
"""Our parts of a block, and the parts of the library's whose rows we stack."""


def block_weights(
    theirs: Weights, names: dict[str, list[str]], ours_prefix: str, their_prefix: str
) -> Weights:
    """Rename the weights or gradients of one block; the weight of a norm is our gain."""
    renamed = {}
    for ours, parts in names.items():
        weight = "gain" if ours.endswith("norm") else "weight"
        for kind, name in (("weight", weight), ("bias", "bias")):
            stacked = torch.cat([theirs[f"{their_prefix}.{part}.{kind}"] for part in parts])
            renamed[f"{ours_prefix}.{ours}.{name}"] = stacked
    return renamed


def bert_weights(theirs: Weights, n_layers: int) -> Weights:
    """Rename the weights or gradients of `BertForMaskedLM`, segment embeddings excepted."""
    renamed = {}
    for ours, name in BERT_NAMES.items():
        if ours.endswith("norm"):
            renamed[f"{ours}.gain"] = theirs[f"{name}.weight"]
            renamed[f"{ours}.bias"] = theirs[f"{name}.bias"]
        else:
            renamed[ours] = theirs[name]
    for i in range(n_layers):
        prefixes = f"encoder.blocks.{i}", f"bert.encoder.layer.{i}"
        renamed |= block_weights(theirs, BERT_BLOCK_NAMES, *prefixes)
    return renamed


def marian_weights(theirs: Weights, n_layers: int) -> Weights:
    """Rename the weights or gradients of `MarianMTModel`, fixed positions and bias excepted."""
    renamed = {"embedding.weight": theirs["model.shared.weight"]}
    halves = {"encoder": MARIAN_BLOCK_NAMES, "decoder": MARIAN_DECODER_NAMES}
    for half, names in halves.items():
        for i in range(n_layers):
            prefixes = f"{half}_blocks.{i}", f"model.{half}.layers.{i}"
            renamed |= block_weights(theirs, names, *prefixes)
    return renamed


def to_our_bert(library: Any) -> MaskedLanguageModel:
    """Convert a `BertForMaskedLM`, copying its weights."""
    theirs, config = library.state_dict(), library.config
    ours = MaskedLanguageModel(
        EncoderConfig(
            vocab_size=config.vocab_size,
            context=config.max_position_embeddings,
            n_layers=config.num_hidden_layers,
            n_heads=config.num_attention_heads,
            d_model=config.hidden_size,
            d_ff=config.intermediate_size,
        )
    )
    weights = bert_weights(theirs, config.num_hidden_layers)
    # every token belongs to the first segment, whose row is the same at all positions
    segment = theirs["bert.embeddings.token_type_embeddings.weight"][0]
    weights["encoder.positions.weight"] = weights["encoder.positions.weight"] + segment
    ours.load_state_dict(weights)
    return ours.eval()


def to_our_encoder_decoder(library: Any) -> EncoderDecoder:
    """Convert a `MarianMTModel`, copying its weights; its fixed sinusoids become a frozen table.

    Marian has all sines before all cosines; ours alternate.
    """
    theirs, config = library.state_dict(), library.config
    ours = EncoderDecoder(
        EncoderDecoderConfig(
            vocab_size=config.vocab_size,
            context=config.max_position_embeddings,
            n_layers=config.encoder_layers,
            n_heads=config.encoder_attention_heads,
            d_model=config.d_model,
            d_ff=config.encoder_ffn_dim,
            norm="post",
            embedding_scale=config.scale_embedding,
        )
    )
    fixed = {
        "positions.weight": theirs["model.encoder.embed_positions.weight"],
        "head_bias": theirs["final_logits_bias"][0],
    }
    ours.load_state_dict(marian_weights(theirs, config.encoder_layers) | fixed)
    for name in fixed:
        ours.get_parameter(name).requires_grad_(False)
    return ours.eval()
