"""Models from elsewhere in our architecture, and our models in the formats of transformers.

Read `loading` (the entry point) first. Folders of transformers: `settings` (what we accept),
`shapes`, `weights`, `buffers`, `folders`, `generation`. GGUF files: `dequantise`, `gguf_settings`,
`gguf_tokenizer`, `gguf_file`, `smollm2`. Conversations: `chat`, `template_environment`.
"""
