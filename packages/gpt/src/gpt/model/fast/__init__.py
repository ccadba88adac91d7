"""Faster equivalents of parts of the model, each held equal to the plain version by a test.

`choose` puts them into a model. Then, in any order: `activations`; `few_rows` and `onednn`, between
which `linear` chooses; `head_loss`; `packing`, `packed_attention`, `single_query`; `direct_calls`
is used by generation.
"""
