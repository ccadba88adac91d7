"""Which policies are worth keeping."""


def undominated(policies: dict[str, tuple[float, float]]) -> list[str]:
    """Walk away from the reference, nearest and then best first; keep what is a new best.

    Equals of one that is kept are kept too.
    """
    kept: list[str] = []
    for name, (kl, reward) in sorted(policies.items(), key=lambda item: (item[1][0], -item[1][1])):
        if not kept or reward > policies[kept[-1]][1] or (kl, reward) == policies[kept[-1]]:
            kept.append(name)
    return kept
