"""Run folders, exact resume, several processes, interruptions and progress.

Read `folder`, `checkpoints`, `state`, `training_run`, `resume`, `endings`, `interrupt`, `progress`;
for several processes `processes`, `sharding`, `passes`.
"""
