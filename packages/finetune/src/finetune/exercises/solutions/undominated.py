"""The policies that no other policy beats."""


def undominated(policies: dict[str, tuple[float, float]]) -> list[str]:
    """Go through the policies by rising KL, and keep each that has a new best reward.

    Policies equal to one that is kept are kept too.
    """
    kept: list[str] = []
    for name, (kl, reward) in sorted(policies.items(), key=lambda item: (item[1][0], -item[1][1])):
        if not kept or reward > policies[kept[-1]][1] or (kl, reward) == policies[kept[-1]]:
            kept.append(name)
    return kept
