"""A GPT as a policy: it answers prompts, and is trained on answers.

Read `rows` (prompts and answers, and the mask of the tokens to learn), `policy` (log-probabilities
of answers), `loss` (supervised fine-tuning), `rollouts` (sampled answers), `kl`
(estimators of the KL from a reference), `statistics` (means over answer tokens). `finetune` and
`reasoning` build on them.
"""
