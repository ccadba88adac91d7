"""Conversations as text and as token ids, with a mask of the tokens that are trained on.

Read in this order:

1. `messages`: the types Conversation and PreferencePair.
2. `formats`: a conversation as text (ALPACA, CHATML, LLAMA_2, PLAIN).
3. `special_tokens`: tokens for the delimiters of a format, and the model's rows for them.
4. `encoding`: from a conversation to a row of tokens with its mask (`gpt.policy.rows`). The result
   of everything above.

Then, as needed: `parsing` (text back to a conversation), `template` (the format of a published
model), `format_template` (a format as a chat template, for export) and `mask_view` (a row with its
mask in the terminal).
"""
