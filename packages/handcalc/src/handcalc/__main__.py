"""Run the command line with `python -m handcalc`."""

import sys

from handcalc.cli import main

sys.exit(main())
