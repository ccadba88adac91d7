"""Conversations as text and as token ids, with a mask of the tokens to learn.

Read `messages`, `formats`, `special_tokens`, `template`, `encoding`, `rows`; then
`format_template`, `white_space`, `parsing` and `mask_view`.
"""
