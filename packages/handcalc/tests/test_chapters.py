"""Every chapter runs from top to bottom; its cells assert the numbers in its prose."""

from pathlib import Path

import pytest
from jupytext.myst import myst_to_notebook

FOLDER = Path(__file__).parents[1] / "chapters"
CHAPTERS = sorted(path for path in FOLDER.glob("*.md") if "{code-cell}" in path.read_text("utf-8"))


@pytest.mark.chapters
@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_chapter(path):
    notebook = myst_to_notebook(path.read_text("utf-8"))
    namespace = {"__name__": "__main__"}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            exec(compile(cell.source, f"{path.name}: {cell.source[:40]}", "exec"), namespace)


def test_there_are_chapters():
    assert [path.stem for path in CHAPTERS] == [
        "01-mathematics",
        "02-embeddings",
        "03-queries-keys-values",
        "04-attention",
        "05-heads",
        "06-feed-forward",
        "07-norms-and-residuals",
        "08-loss",
        "09-gradient-of-the-loss",
        "10-backward-head-to-feed-forward",
        "11-backward-attention",
        "12-adamw",
        "13-memorisation",
        "14-pencil",
        "15-positions",
    ]
