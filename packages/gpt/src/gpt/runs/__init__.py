"""Run folders, exact resume, several processes, interruptions and progress.

Read `folder`, `checkpoints`, `state`, `options`, `training_run`, `interrupt`, `progress`; then, for
several processes, `processes` and `parallel`.
"""
