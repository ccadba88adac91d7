"""Learning from a score by proximal policy optimisation.

Read `rollouts`, `rewards`, `kl`, `advantages`, `losses`, `actor_critic`, `phases`, `ppo`.
"""
