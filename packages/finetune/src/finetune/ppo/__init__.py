"""Proximal policy optimisation: learning from scores of the policy's own answers.

Read `ppo` first, the algorithm on one page, then its parts in the order of use:
`gpt.policy.rollouts`, `actor_critic`, `gpt.policy.kl`, `rewards`, `advantages`, `losses`. `config`
has the hyperparameters, and `run` is what `finetune ppo` does in a run folder.
"""
