"""Check a built site: links lead somewhere, figures are images, nothing is from another host.

    python book/check_site.py _build/site

Links that a reader may follow to another host are fine. Scripts, styles, pictures and fonts from
another host are not: the pages must work without a network.
"""

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

CSS_ADDRESS = re.compile(r"""(?:url\(|@import)\s*["']?([^"')\s;]+)""")
LOADING = {"src", "srcset", "poster", "data"}  # attributes that make the browser fetch something


class Page(NamedTuple):
    """What one file offers and what it asks for."""

    anchors: set[str]
    links: list[str]
    loads: list[str]
    unshown: list[str]
    """Figures of cells that are there as text only, as in `<Figure size 700x400 with 1 Axes>`."""


class Reader(HTMLParser):
    """Collects a page's anchors, links and everything it loads."""

    def __init__(self) -> None:
        super().__init__()
        self.page = Page(set(), [], [], [])
        self.in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.in_style = tag == "style"
        for name, value in attrs:
            if value is None:
                continue
            if name == "id" or (tag == "a" and name == "name"):
                self.page.anchors.add(value)
            elif name in {"href", "xlink:href"}:
                (self.page.links if tag in {"a", "area"} else self.page.loads).append(value)
            elif name == "srcset":
                self.page.loads.extend(part.split()[0] for part in value.split(",") if part.strip())
            elif name in LOADING:
                self.page.loads.append(value)
            elif name == "style":
                self.page.loads.extend(CSS_ADDRESS.findall(value))

    def handle_data(self, data: str) -> None:
        if self.in_style:
            self.page.loads.extend(CSS_ADDRESS.findall(data))
        elif data.startswith("<Figure size"):
            self.page.unshown.append(data.strip())


def read(file: Path) -> Page:
    """The page, or for a style sheet what it loads."""
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".css":
        return Page(set(), [], CSS_ADDRESS.findall(text), [])
    reader = Reader()
    reader.feed(text)
    return reader.page


def faults(site: Path) -> Iterator[str]:
    """One sentence for everything that is wrong, in the order of the files."""
    files = sorted(file for file in site.rglob("*") if file.suffix in {".html", ".css"})
    pages = {file.resolve(): read(file) for file in files}
    if not any(file.suffix == ".html" for file in files):
        yield f"{site}: holds no page"
    for file, page in pages.items():
        where = file.relative_to(site.resolve())
        for figure in page.unshown:
            yield f"{where}: {figure} is text and not an image"
        for address in page.loads:
            if is_elsewhere(urlsplit(address)):
                yield f"{where}: loads {address} from another host"
        for address in page.links + page.loads:
            fault = leads_nowhere(file, urlsplit(address), pages)
            if fault:
                yield f"{where}: {address}: {fault}"


def is_elsewhere(address: SplitResult) -> bool:
    """Whether the browser would ask another host."""
    return bool(address.netloc) or address.scheme not in {"", "data"}


def leads_nowhere(file: Path, address: SplitResult, pages: dict[Path, Page]) -> str:
    """What is missing at the other end of an internal address; nothing where all is well."""
    if address.scheme or address.netloc:
        return ""
    target = (file.parent / unquote(address.path)).resolve() if address.path else file
    if target.is_dir():
        target /= "index.html"
    if not target.is_file():
        return "there is no such file"
    anchor = unquote(address.fragment)
    is_page = target in pages and target.suffix == ".html"
    if anchor and is_page and anchor not in pages[target].anchors:
        return "there is no such anchor"
    return ""


def main() -> int:
    """Print the faults; 1 if there are any."""
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        print("usage: python book/check_site.py FOLDER_OF_THE_SITE", file=sys.stderr)
        return 2
    found = list(faults(Path(sys.argv[1])))
    print(*found, f"{len(found)} faults", sep="\n")
    return bool(found)


if __name__ == "__main__":
    raise SystemExit(main())
