"""The commands of `handcalc`, one module each, with `run`, and `add_options` if it has any.

In order of reading: `step`, `explain`, `check`, `train`, `demo`, `compare`; `progress` is the
progress line that `train` and `demo` share.
"""
