"""Formulas become HTML while the book is built, so that a page needs no script to show them.

One node process renders all of them, a line of JSON at a time. LaTeX that KaTeX cannot read is a
warning with the place where it stands.
"""

import html
import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number
from sphinx.writers.html5 import HTML5Translator

log = logging.getLogger(__name__)
SCRIPT = Path(__file__).with_name("katex_lines.mjs")


class Katex:
    """A node process that runs from the first formula to the end of the build."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None

    def render(self, tex: str, display: bool) -> dict[str, str]:
        """The formula under `html`, or what is wrong with it under `error`."""
        if self.process is None:
            self.process = subprocess.Popen(
                ["node", str(SCRIPT)],
                encoding="utf-8",
                bufsize=1,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps({"tex": tex, "displayMode": display}) + "\n")
        return json.loads(self.process.stdout.readline())

    def close(self, *_: object) -> None:
        """Close node's input, which ends it, and wait."""
        if self.process is not None:
            self.process.communicate()
            self.process = None


katex = Katex()
rendered = cache(katex.render)


def formula(node: nodes.Element, display: bool) -> str:
    """The HTML of a formula; its source where KaTeX refuses it."""
    tex = node.astext()
    reply = rendered(tex, display)
    if "error" in reply:
        log.warning(reply["error"], location=node, type="math")
    return reply.get("html", html.escape(tex))


def visit_inline(translator: HTML5Translator, node: nodes.math) -> None:
    """A formula in a line of text."""
    translator.body.append(f'<span class="math">{formula(node, False)}</span>')
    raise nodes.SkipNode


def visit_block(translator: HTML5Translator, node: nodes.math_block) -> None:
    """A formula of its own, with its number where it has one."""
    translator.body.append(translator.starttag(node, "div", CLASS="math"))
    if node.get("number"):
        translator.body.append(f'<span class="eqno">({get_node_equation_number(translator, node)})')
        translator.add_permalink_ref(node, "Link to this equation")
        translator.body.append("</span>")
    translator.body.append(formula(node, True) + "</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the renderer."""
    app.add_html_math_renderer("bookmath", (visit_inline, None), (visit_block, None))
    app.connect("build-finished", katex.close)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
