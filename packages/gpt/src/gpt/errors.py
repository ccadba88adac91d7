"""The ways in which work ends early, each one sentence for the person who started it.

Exit statuses of every command: 0 done, 1 the work itself failed (the loss is no longer finite, the
disk is full), 2 the input cannot be used, 130 interrupted by Ctrl-C.
"""


class BadInput(ValueError):
    """What was asked for cannot be done; the message quotes the value and says what is accepted."""


class RunFailed(RuntimeError):
    """The input was fine and the work failed all the same; the message says what to try."""


class ProcessLost(RunFailed):
    """A process of the same run died, so this one cannot go on either."""


def check_seed(seed: int) -> None:
    """Refuse what no generator takes."""
    if not 0 <= seed < 2**63:
        raise BadInput(f"seed must lie in [0, 2^63), got {seed}")
