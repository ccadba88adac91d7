"""How many attempts it takes, by adding one after another."""


def attempts_needed(right_chance: float, hit_chance: float, goal: float) -> int | None:
    """Add what each further attempt contributes until the sum reaches the goal."""
    accuracy, still_running = 0.0, 1.0
    for n in range(1, 1_001):
        accuracy += still_running * right_chance
        if accuracy >= goal:
            return n
        still_running *= 1 - hit_chance
    return None
