"""The other two architectures: encoders (BERT), and encoder-decoders (the original transformer).

In the order of reading: `padding`, `encoder`, `masking`, `classifier`, `cross_attention`,
`decoder_blocks`, `encoder_decoder`, `teacher_forcing`, `decoding`, `beam_search`; `translation` has
the tasks on which they are trained, and `three_shapes` compares them. `mixture_of_experts` and
`vision` need none of the others.
"""
