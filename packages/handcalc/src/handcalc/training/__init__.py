"""Moving the weights: one step on a sentence, thousands of steps on words.

In order of reading: `optimizers` (SGD to AdamW, and one step), `words` (the data), `training` (the
loop), `generation` (new words), `evaluation` (losses, and what counting achieves), `run_folder` (a
run that can be stopped and resumed).
"""
