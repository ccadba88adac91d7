"""Measure whether a model got better: scores of answers, and of those who judge answers.

Used by commands: `overlap`, `wins`, `answers_report` (answers of several models),
`reward_scores`, `calibration`, `shallow`, `reward_report` (a reward model), `against_reference`
(reward and KL of a policy), `figures`. Used only by chapters: `agreement`, `checks`, `diversity`,
`likelihood`, `probes`, `refusals`, `toxicity`. Read in this order.
"""
