"""Errors that end a command early; each message is one sentence for the user.

Exit statuses of every command: 0 for success, 1 if the work itself failed (the loss is no longer
finite, the disk is full), 2 if the input cannot be used, 130 if Ctrl-C interrupted the command.
"""


class BadInput(ValueError):
    """The input cannot be used; the message quotes the value and says what is accepted."""


class RunFailed(RuntimeError):
    """The input was valid, but the work failed; the message says what to try."""


class ProcessLost(RunFailed):
    """Another process of the same run died, so this process cannot continue."""


def check_seed(seed: int) -> None:
    """Refuse a seed that PyTorch's generators do not accept.

    Raises:
        BadInput: the seed is negative, or 2^63 or larger.
    """
    if not 0 <= seed < 2**63:
        raise BadInput(f"seed must lie in [0, 2^63), got {seed}")
