"""Exercise of the chapter on verifiers: what false hits cost."""


def best_of_n_chance(p: float, accepts_right: float, accepts_wrong: float, n: int) -> float:
    """Return the chance that the first accepted one of n samples is right.

    Args:
        p: chance that a sample is right, independently of the others.
        accepts_right: chance that the verifier accepts a right sample.
        accepts_wrong: chance that it accepts a wrong one: a false hit.
        n: number of samples, at least 1.

    If no sample is accepted, there is no answer, and that counts as wrong.
    """
    raise NotImplementedError
