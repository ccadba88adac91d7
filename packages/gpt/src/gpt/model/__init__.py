"""The model: start with `gpt`, then follow it down.

`gpt`, `config`, `presets`; `embedding`, `positions`; `blocks`, `dropout`, `heads`, `attention`,
`feed_forward`, `norms`; `loss`; then the variations `rotary`, `alibi`, `relative_bias` and
`label_smoothing`, and `cache` for generation.

`masks`, `tiled_attention` and `linear_attention` make long texts cheaper; the model can do without.
`checkpointing` trains in less memory, and `calculators` count parameters, operations and bytes.

`fast` holds quicker equivalents of some operations; the model can be read without it. `ngrams` is
used only by a script, `scripts/time_to_loss.py`. `gpt.gpt2` writes all of GPT-2 on one page.
"""
