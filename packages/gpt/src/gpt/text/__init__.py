"""From files to token ids. Read in this order.

Documents: `corpus` (the documentation inside Python), `folder_files`, `documents`.
Tokens: `bpe` (the plain definition), `fast_bpe`, `byte_pair_tokenizer`, `tokenizers`,
`token_files`.
Tokenizers of published models: `pretrained_tokenizer`, `added_tokens`, `tokenizer_json` (reading),
`tokenizer_export` (writing).
"""
