"""`python -m finetune` is the command `finetune`."""

import sys

from finetune.cli import main

sys.exit(main())
