"""Every chapter runs from top to bottom: its cells assert what its prose says."""

from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import pytest
import torch
from jupytext.myst import myst_to_notebook

FOLDER = Path(__file__).parents[1] / "chapters"
CHAPTERS = sorted(path for path in FOLDER.glob("*.md") if "{code-cell}" in path.read_text("utf-8"))


@pytest.fixture(autouse=True)
def as_in_the_book(monkeypatch):
    """Chapters run in their folder, draw into memory, and choose their own number of threads."""
    threads = torch.get_num_threads()
    monkeypatch.chdir(FOLDER)
    matplotlib.use("Agg")
    yield
    plt.close("all")
    torch.set_num_threads(threads)


@pytest.mark.chapters
@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_chapter(path):
    text = path.read_text("utf-8")
    notebook = myst_to_notebook(text, add_source_map=True)
    for module in notebook.metadata.get("needs", []):
        if find_spec(module) is None:
            pytest.skip(f"baselines: this chapter needs {module}")
    namespace = {"__name__": "__main__"}
    for cell, fence in zip(notebook.cells, notebook.metadata["source_map"], strict=True):
        if cell.cell_type == "code" and cell.source:
            fails = "raises-exception" in cell.metadata.get("tags", [])
            with pytest.raises(Exception) if fails else nullcontext():
                exec(in_place(cell.source, path, text, fence), namespace)


def in_place(source, path, text, fence):
    """Compile a cell so that a traceback names the line of the chapter."""
    first = text.splitlines().index(source.splitlines()[0], fence)
    return compile("\n" * first + source, str(path), "exec")


def test_there_are_chapters():
    assert [path.stem for path in CHAPTERS] == [
        "01-tokens",
        "02-embeddings-and-positions",
        "03-attention",
        "04-heads",
        "05-feed-forward-and-norms",
        "06-block",
        "07-model",
        "08-training",
        "09-training-at-scale",
        "10-generation",
        "11-real-model",
        "12-other-attention",
        "13-smaller-and-faster",
        "14-diagnosis-and-scaling",
        "15-looking-inside",
        "16-circuits",
        "17-encoders",
    ]
