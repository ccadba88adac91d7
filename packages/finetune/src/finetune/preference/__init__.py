"""Learning from pairs of answers without a reward model: DPO and its family."""
