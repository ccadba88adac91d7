"""Exercise of the chapter on training at scale: clip a gradient that lies in slices."""


def clip_factor(lengths: list[float], clip: float) -> float:
    """What every process multiplies its slice by, so that the whole is at most `clip` long.

    Args:
        lengths: of the slices, one a process.
        clip: the longest that the whole gradient may be; a shorter one is not lengthened.
    """
    raise NotImplementedError
