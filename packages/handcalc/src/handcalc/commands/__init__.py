"""The commands of `handcalc`, one module each, with `add_options` and `run`.

In order of reading: `step`, `explain`, `check`, `train`, `demo`, `compare`; `progress` is the
progress line that `train` and `demo` share.
"""
