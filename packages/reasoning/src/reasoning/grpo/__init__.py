"""Group relative policy optimisation: learning from the rewards of several answers to one prompt.

Read `grpo` first, the algorithm on one page, with the lines of `finetune.ppo.ppo` wherever the two
agree; then its parts in the order of use: `gpt.policy.rollouts`, `rewards`, `advantages`, `losses`,
`gpt.policy.kl`. `config` has the hyperparameters, `controls` the methods that GRPO must beat,
`evaluation` the rates before and after, and `run` is what `reasoning grpo` does in a run folder,
with `options`. `one_puzzle`, `record` and `recorded` are for the chapters and the recorded runs.
"""
