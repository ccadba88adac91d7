"""What Sphinx does not do by itself: run stale chapters again, and put the last files in place.

jupyter-cache knows the cells of a chapter, not the package that they import. So the sources are
hashed, and when they changed, the kept runs of the chapters that use them are dropped.
"""

import hashlib
import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

from jupyter_cache import get_cache
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError

BOOK = Path(__file__).resolve().parents[1]
ROOT = BOOK.parent
KATEX = BOOK / "node_modules" / "katex" / "dist"
# part of the book -> the packages that its chapters run
USES = {
    "handcalc": ["handcalc"],
    "gpt": ["gpt"],
    "finetune": ["gpt", "finetune"],
    "reasoning": ["gpt", "reasoning"],
    "diffusion": ["gpt", "diffusion"],
}


SIDEBARS: dict[int, str] = {}
"""Sidebar of the source pages, by the depth of their folder."""


def digest(packages: list[str]) -> str:
    """One hash of everything that decides what a cell prints, apart from the cell."""
    files = [ROOT / "uv.lock", BOOK / "figures.py", BOOK / "shapes.py"]
    for package in packages:
        files += sorted((ROOT / "packages" / package / "src").rglob("*.py"))
    hashed = hashlib.sha256(sys.version.encode())
    for file in files:
        hashed.update(f"\0{file.relative_to(ROOT).as_posix()}\0".encode() + file.read_bytes())
    return hashed.hexdigest()


def drop_stale_runs(app: Sphinx, env: BuildEnvironment, *_: object) -> list[str]:
    """Forget the runs of parts whose sources changed; returns the pages to read again."""
    store = Path(app.config.nb_execution_cache_path)
    store.mkdir(parents=True, exist_ok=True)
    known = store / "sources.json"
    old = json.loads(known.read_text()) if known.is_file() else {}
    new = {part: digest(packages) for part, packages in USES.items()}
    stale = {part for part in new if old.get(part) != new[part]}
    cache = get_cache(store)
    for record in cache.list_cache_records():
        if Path(os.path.relpath(record.uri, BOOK)).parts[0] in stale:
            cache.remove_cache(record.pk)
    known.write_text(json.dumps(new))
    return [page for page in env.found_docs if page.split("/")[0] in stale]


def link_notebook(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object
) -> None:
    """End a chapter that has cells with a link to its executed notebook."""
    if (executed(app) / f"{page}.ipynb").is_file():
        link = context["pathto"](f"notebooks/{page}.ipynb", 1)
        context["body"] += (
            f'<p class="notebook"><a href="{link}" download>Download this chapter '
            "as a Jupyter notebook</a></p>"
        )


def share_sidebar(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object
) -> None:
    """Let the source pages of one depth share a sidebar: theirs differ in nothing else.

    Sphinx would resolve the table of all chapters for each of them, a second per page.
    """
    if not page.startswith("_modules/"):
        return
    depth, toctree = page.count("/"), context["toctree"]

    def shared(**options: Any) -> str:
        if depth not in SIDEBARS:
            SIDEBARS[depth] = toctree(**options)
        return SIDEBARS[depth]

    context["toctree"] = shared


def executed(app: Sphinx) -> Path:
    """Where myst-nb leaves the notebooks that it ran: beside the site."""
    return Path(app.outdir).parent / "jupyter_execute"


def place_files(app: Sphinx, error: Exception | None) -> None:
    """Copy the executed notebooks, and KaTeX's style with its fonts, into the finished site."""
    if error is not None or app.builder.name != "html":
        return
    site = Path(app.outdir)
    if executed(app).is_dir():
        shutil.copytree(executed(app), site / "notebooks", dirs_exist_ok=True)
    (site / "_static" / "fonts").mkdir(exist_ok=True)
    for font in (KATEX / "fonts").glob("*.woff2"):
        shutil.copy(font, site / "_static" / "fonts")
    style = (KATEX / "katex.min.css").read_text()
    (site / "_static" / "katex.min.css").write_text(only_woff2(style))


def only_woff2(style: str) -> str:
    """KaTeX's style without the two older formats of each font, which no browser asks for."""
    return re.sub(r',url\([^)]*\.(woff|ttf)\) format\("\w+"\)', "", style)


def keep_bars(
    app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]
) -> None:
    """Leave the bars of |y| in a docstring as they are; to docutils they name a substitution."""
    lines[:] = [re.sub(r"\|(?=\S)", r"\|", line) for line in lines]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the hooks, once it is clear that formulas can be rendered."""
    if not KATEX.is_dir() or not shutil.which("node"):
        raise ExtensionError("the book needs node and KaTeX: run `npm ci --prefix book` first")
    app.connect("autodoc-process-docstring", keep_bars)
    app.connect("env-get-outdated", drop_stale_runs)
    app.connect("html-page-context", link_notebook)
    app.connect("html-page-context", share_sidebar, priority=400)  # before the theme draws it
    app.connect("build-finished", place_files)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
