"""`python -m gpt` is the command `gpt`."""

import sys

from gpt.cli import main

sys.exit(main())
