"""Messages of the command line, with and without characters that draw boxes."""

import pytest

from gpt.program import message_in_box

BOX = """╭─ Value error ───────────────────────────────╮
│ Error parsing Config: steps must be at least │
│ 1, got 0                                     │
│ ──────────────────────────────────────────── │
│ For full helptext, see gpt train --help      │
╰──────────────────────────────────────────────╯
"""
PLAIN = """ Value error
 ----------------------------------------------
  Error parsing Config: steps must be at least
  1, got 0
  ---------------------------------------------
  For full helptext, see gpt train --help
"""


@pytest.mark.parametrize("text", [BOX, PLAIN])
def test_a_message_is_taken_out_of_its_box(text):
    assert message_in_box(text) == "steps must be at least 1, got 0"
    named = text.replace("parsing Config:", "parsing --steps:")
    assert message_in_box(named) == "Error parsing --steps: steps must be at least 1, got 0"
