"""Names out of this Python's library, drawn and printed one a line: words for `handcalc train`.

    uv run python packages/handcalc/scripts/names.py 1000 > words.txt
    uv run handcalc train words.txt

On one core of an AMD EPYC, Python 3.11.7: 20 s for 1,000 steps, and 2.658 nats a character on names
that were held out, where counting pairs of characters comes to 2.653.
"""

import argparse
import random

from handcalc.training.words import library_names


def main() -> None:
    """Print as many names as were asked for, or all there are."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("n", type=int, help="how many")
    names = library_names()
    random.Random(0).shuffle(names)
    print("\n".join(names[: max(parser.parse_args().n, 0)]))


if __name__ == "__main__":
    main()
