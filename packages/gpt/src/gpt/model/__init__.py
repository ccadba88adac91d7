"""The model, from the inside out.

`attention`, `positions`, `rotary`, `alibi`, `norms`, `feed_forward`, `layers`, `cache`, `heads`,
`blocks`, `config`, `gpt`.
"""
