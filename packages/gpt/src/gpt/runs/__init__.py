"""Run folders, exact resume, several processes, interruptions and progress.

Read `folder`, `checkpoints`, `state`, `options`, `training_run`, `failures`, `interrupt`,
`progress`; then, for several processes, `processes`, `sharding`, `passes`.
"""
