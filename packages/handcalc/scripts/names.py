"""Print random names from this Python's library, one per line: words for `handcalc train`.

    uv run python packages/handcalc/scripts/names.py 1000 > words.txt
    uv run handcalc train words.txt

On one core of an AMD EPYC, Python 3.11.7: 20 s for 1,000 steps, and a loss of 2.658 nats per
character on held-out names, where counting pairs of characters achieves 2.653.
"""

import argparse
import random

from handcalc.training.words import library_names


def main() -> None:
    """Print n names, or all of them if there are fewer."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("n", type=int, help="number of names to print")
    names = library_names()
    random.Random(0).shuffle(names)
    print("\n".join(names[: max(parser.parse_args().n, 0)]))


if __name__ == "__main__":
    main()
