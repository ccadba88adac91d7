"""Reward models: read `loss` (Bradley-Terry), `scorer`, then `packed`."""
