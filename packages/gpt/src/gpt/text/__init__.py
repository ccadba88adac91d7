"""From files to token ids: `corpus`, `documents`, `bpe`, `tokenizers`, `token_files`.

Tokenizers of published models: `pretrained_tokenizer`, `tokenizer_json`, `tokenizer_export`.
"""
