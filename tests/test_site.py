"""The book builds with its one command, without a warning, and all its links lead somewhere.

It needs node and `npm ci --prefix book`; without them it fails, with the sentence that says so.
"""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def check(site):
    script = ROOT / "book" / "check_site.py"
    return subprocess.run(
        [sys.executable, script, site], capture_output=True, encoding="utf-8", check=False
    )


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_all_links_lead_somewhere():
    """Into the folder of the command in CONTRIBUTING: what is built there is not built again."""
    site = ROOT / "_build" / "site"
    command = f"uv run --group docs sphinx-build -j 2 -W --keep-going book {site}".split()
    built = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    checked = check(site)
    assert checked.returncode == 0, checked.stdout
    page = (site / "gpt" / "08-training.html").read_text(encoding="utf-8")
    assert 'class="katex"' in page


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        ('<a href="gone.html">x</a>', "there is no such file"),
        ('<a href="#gone">x</a>', "there is no such anchor"),
        ('<a href="style.css">x</a><a href="other.html#gone">x</a>', "there is no such anchor"),
        ('<script src="https://cdn.example/x.js"></script>', "from another host"),
        ('<link rel="stylesheet" href="//cdn.example/x.css">', "from another host"),
        ('<p style="background: url(https://cdn.example/x.png)">x</p>', "from another host"),
        ("<pre>&lt;Figure size 70x40 with 1 Axes&gt;\n</pre>", "is text and not an image"),
        ("<style>@import 'https://cdn.example/x.css';</style>", "from another host"),
    ],
)
def test_the_link_check_finds_a_fault(tmp_path, fault, line):
    good = '<h1 id="top">x</h1><a href="#top">x</a><a href="https://example.org">x</a>'
    (tmp_path / "style.css").write_text("p { background: url(data:image/png;base64,AA==) }")
    (tmp_path / "other.html").write_text('<a href="index.html#top">x</a>')
    (tmp_path / "index.html").write_text(good)
    assert check(tmp_path).stdout == "0 faults\n"
    (tmp_path / "index.html").write_text(good + fault)
    checked = check(tmp_path)
    assert checked.returncode == 1
    assert line in checked.stdout
