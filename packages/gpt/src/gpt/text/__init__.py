"""From files to token ids: `corpus`, `documents`, `bpe`, `tokenizers`, `token_files`."""
