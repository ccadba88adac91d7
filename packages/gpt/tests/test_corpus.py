from pathlib import Path

import pytest

from gpt.errors import BadInput
from gpt.text import corpus
from gpt.text.documents import documents_sha256


def test_the_documentation_is_two_megabytes_of_english(documentation):
    assert 1_500_000 < sum(map(len, documentation)) < 4_000_000
    assert sum(text.count(" the ") for text in documentation) > 10_000


def test_its_order_is_stable(documentation):
    topics = corpus.reference_topics()
    assert documentation[: len(topics)] == topics
    library = Path(corpus.sysconfig.get_path("stdlib")) / "email"
    first, second = corpus.library_docstrings(library), corpus.library_docstrings(library)
    assert documents_sha256(first) == documents_sha256(second) and len(first) > 10


def test_docstrings_are_read_from_source_and_nothing_runs(tmp_path):
    source = '''"""Module."""
raise SystemExit
class A:
    """Class.

    More."""
    def f():
        "Inner."
'''
    (tmp_path / "a.py").write_text(source)
    assert list(corpus.docstrings(tmp_path / "a.py")) == ["Module.", "Class.\n\nMore.", "Inner."]


def test_docstrings_are_found_inside_every_statement_outermost_first(tmp_path):
    source = """
if first:
    def f():
        "If."
        with held:
            def g():
                "With, within."
try:
    pass
except Fault:
    def f():
        "Except."
match shape:
    case 1:
        async def f():
            "Match."
"""
    (tmp_path / "a.py").write_text(source)
    expected = ["If.", "Except.", "Match.", "With, within."]
    assert list(corpus.docstrings(tmp_path / "a.py")) == expected


def test_a_docstring_seen_before_is_kept_once_and_skipped_folders_are_left_out(tmp_path):
    (tmp_path / "test").mkdir()
    (tmp_path / "a.py").write_text('"""Same."""')
    (tmp_path / "b.py").write_text('"""Same."""\ndef f():\n    """Other."""\n')
    (tmp_path / "c.py").write_text('"""Same."""')
    (tmp_path / "test" / "d.py").write_text('"""Hidden."""')
    (tmp_path / "e.py").write_text("def broken(:")
    assert corpus.library_docstrings(tmp_path) == ["Same.", "Other."]


def test_a_python_without_documentation_is_reported_in_a_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr(corpus, "reference_topics", list)
    monkeypatch.setattr(corpus.sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(
        BadInput, match="installed without its documentation; give a text with --data"
    ):
        corpus.python_documentation()
