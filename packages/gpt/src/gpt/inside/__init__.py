"""Looking inside a trained model: what its layers and heads compute, and what changes the answer.

Read `activations` first: all other modules record or change the numbers at its points. Then
`attention_maps`, `lens`, `tuned_lens`, `attribution`, `head_types`, `ablation`, `prompt_pairs`,
`patching` and `induction`; `neighbours`, `probes` and `trace` can be read in any order.
`inspection` puts several of them together, and `page` and `page_trace` write the page of
`gpt inspect`.
"""
