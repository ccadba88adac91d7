"""From a text predictor to an assistant.

Begin with `sft/training.py`, the shortest algorithm, and `dpo/training.py`, the same loop with
another loss. Then in order: `conversations` (formats, tokens, masks), `sft`, `lora`, `datasets`,
`reward`, `dpo`, `ppo`, `optimum` (the best policy that is possible), `evaluation`. Each of `sft`,
`reward`, `dpo` and `ppo` has its algorithm in one file and a module `run` that trains in a run
folder; `options`, `runs` and `assistant` are what these share. `diagnosis`, `memory` and `tuning`
are about running them, `comparison` about trl and peft, and `commands` is the command line.
"""
