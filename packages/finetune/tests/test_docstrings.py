import hashlib
import os
import subprocess
import sys
from collections import Counter

import pytest

from finetune.datasets import docstrings
from finetune.datasets.docstrings import (
    QUESTION_TEMPLATES,
    Question,
    library_questions,
    python_questions,
    question_text,
    questions_digest,
    split_by_module,
    top_level_module,
)
from finetune.datasets.sentences import first_sentence
from gpt.errors import BadInput

SOURCE = '''"""A module is no question."""
raise SystemExit  # nothing runs

def join(a, b):
    """Join two paths, e.g. of a file. More follows here."""
    def inner():
        """Is not to be reached."""

class Thread:
    """A thread of
    control

    Not this paragraph.
    """
    def start(self):
        """Start the thread."""
    async def wait(self):
        """START THE THREAD."""
    async def join(self):
        """Wait for its end."""
    def _hidden(self):
        """Is not public here."""
    def silent(self):
        pass
    @functools.cached_property
    def name(self):
        """The name as text."""
    @name.setter
    def name(self, text):
        """Change the name again."""

class _Private:
    def method(self):
        """Is not public either."""

if windows:
    def spawn():
        """Make a new process."""
else:
    try:
        pass
    except ImportError:
        def fork():
            """Copy this very process."""
'''


@pytest.fixture(scope="module")
def real(all_questions):
    return all_questions


def test_a_module_by_hand(tmp_path):
    (tmp_path / "posixpath.py").write_text(SOURCE)
    assert [(q.name, q.kind, q.answer) for q in library_questions(tmp_path)] == [
        ("join", "function", "Join two paths, e.g. of a file."),
        ("Thread", "class", "A thread of control."),
        ("Thread.start", "method", "Start the thread."),
        ("Thread.join", "method", "Wait for its end."),
        ("Thread.name", "property", "The name as text."),
        ("spawn", "function", "Make a new process."),
        ("fork", "function", "Copy this very process."),
    ]
    assert {q.module for q in library_questions(tmp_path)} == {"os.path"}


def test_the_name_decides_the_wording():
    assert (
        question_text("os.path", "join", "function") == "What is the function `os.path.join` for?"
    )
    assert question_text("os.path", "Thread", "class") == "Describe the class `os.path.Thread`."
    for kind, name, thing in [
        ("method", "Thread.f{}", "the method `Thread.f{}` of `m`"),
        ("property", "Thread.f{}", "the property `Thread.f{}` of `m`"),
        ("function", "f{}", "the function `m.f{}`"),
        ("class", "F{}", "the class `m.F{}`"),
    ]:
        seen = Counter(
            question_text("m", name.format(n), kind).replace(thing.format(n), "...")
            for n in range(900)
        )
        assert {*seen} == {wording.format("...") for wording in QUESTION_TEMPLATES[kind]}
        assert min(seen.values()) > 200


def test_files_that_are_no_public_module_are_passed_over(tmp_path):
    text = 'def f():\n    """Do this {}."""\n'
    for number, name in enumerate(
        ["a.py", "b/__init__.py", "b/_c.py", "_d.py", "config-3/e.py", "test/f.py", "b/tests/g.py"]
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text.format(number))
    (tmp_path / "broken.py").write_text("def f(:")
    (tmp_path / "zeros.py").write_bytes(b"\0")
    assert [q.module for q in library_questions(tmp_path)] == ["a", "b"]


def test_an_answer_is_kept_once_before_anything_is_split(tmp_path):
    for module, text in {"a": "Do this now.", "b": "Do THIS now.", "c": "Do that now."}.items():
        (tmp_path / f"{module}.py").write_text(f'def f():\n    """{text}"""\n')
    assert [q.module for q in library_questions(tmp_path)] == ["a", "c"]


@pytest.mark.parametrize(
    ("docstring", "sentence"),
    [
        ("Return the size", "Return the size."),
        ("Return the size. Of a file.", "Return the size."),
        ("Return the\n   size of\n it.\n\nMore.", "Return the size of it."),
        ("Raise errors, i.e. OSError. Then go.", "Raise errors, i.e. OSError."),
        ("Wait approx. five seconds. Then go.", "Wait approx. five seconds."),
        ("Call os.stat() on a path.", "Call os.stat() on a path."),
        ("See :class:`~os.PathLike` and ``str``.", "See os.PathLike and str."),
        ("Return size.", ""),  # two words
        (" ".join(["Word"] * 30), " ".join(["Word"] * 30) + "."),
        (" ".join(["Word"] * 31), ""),
        ("lower case is left out", ""),
        ("Fork a pid -> int", ""),
        ("Join(a, b) makes one of two", ""),
        ("One of these is raised:", ""),
        ("Is this a question?", ""),
        ("And so on and on...", ""),
        ("Print all >>> of it", ""),
        ("A bracket (is open here.", ""),
        ("A 'range [a, b) is open.", ""),
        ("A `name is open here.", ""),
        ('A "word is open here.', ""),
        ("The naïve way of it.", ""),
        ("", ""),
        ("\n\n", ""),
    ],
)
def test_the_first_sentence_or_nothing(docstring, sentence):
    assert first_sentence(docstring) == sentence


def questions_of(**sizes):
    """So many questions of each module."""
    return [
        Question(f"{module}.sub", f"f{n}", "function", f"{module} {n}?", f"{module} {n}.")
        for module, size in sizes.items()
        for n in range(size)
    ]


def test_no_module_is_on_both_sides_and_nothing_is_lost():
    questions = questions_of(a=3, b=5, c=2, d=40, e=1, f=4)
    for seed in range(20):
        train, held_out = split_by_module(questions, share=0.2, seed=seed)
        assert not {*map(top_level_module, train)} & {*map(top_level_module, held_out)}
        assert sorted(train + held_out) == sorted(questions)
        assert [q for q in questions if q in train] == train  # the order stays
        assert 8 <= len(held_out) <= 11  # the small modules are 15, one of up to 5 may not fit


def test_a_large_module_is_held_out_only_where_small_ones_do_not_fill_the_side():
    many = questions_of(large=20, **{f"m{n}": 2 for n in range(40)})
    for seed in range(20):
        held_out = split_by_module(many, share=0.25, seed=seed).held_out
        assert len(held_out) == 24  # of 25, in twos
        assert "large" not in {*map(top_level_module, held_out)}
    few = questions_of(large=6, small=1, other=9)
    assert {*map(top_level_module, split_by_module(few, share=0.45).held_out)} == {"small", "large"}


def test_the_seed_decides_the_split(real):
    assert split_by_module(real, seed=1) == split_by_module(real, seed=1)
    assert split_by_module(real, seed=1) != split_by_module(real, seed=2)


def test_what_cannot_be_split_is_refused():
    with pytest.raises(BadInput, match="between 0 and 1, got 1.0"):
        split_by_module(questions_of(a=3), share=1.0)
    with pytest.raises(BadInput, match="none of 1 modules is small enough to hold out 15% of 3"):
        split_by_module(questions_of(a=3))
    with pytest.raises(BadInput, match="none of 0 modules"):
        split_by_module([])


def test_the_library_holds_four_thousand_clean_pairs(real):
    assert 4_000 < len(real) < 4_900
    assert len({q.answer.casefold() for q in real}) == len(real)
    assert len({q.question for q in real}) == len(real)
    for q in real:
        assert q.answer.isascii() and q.answer.isprintable() and q.answer.endswith(".")
        assert 3 <= len(q.answer.split()) <= 30
        assert f"`{q.name}`" in q.question or f"`{q.module}.{q.name}`" in q.question
    kinds = Counter(q.kind for q in real)
    assert kinds["method"] > kinds["function"] > kinds["class"] > kinds["property"] > 50
    asked = {q.question: q.answer for q in real}
    assert asked["What is the function `os.path.join` for?"].startswith("Join two or more pathname")


def test_about_a_seventh_is_held_out_from_twenty_modules_or_more(real):
    for seed in range(5):
        train, held_out = split_by_module(real, seed=seed)
        assert len(held_out) == pytest.approx(0.15 * len(real), abs=5)
        assert len({*map(top_level_module, held_out)}) >= 20
        assert not {*map(top_level_module, train)} & {*map(top_level_module, held_out)}


def test_another_process_with_other_hashes_makes_the_same_questions_and_split(real):
    code = (
        "from finetune.datasets.docstrings import *; q = python_questions(); "
        "print(questions_digest(q), questions_digest(split_by_module(q).held_out))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    )
    assert result.stdout.split() == [
        questions_digest(real),
        questions_digest(split_by_module(real).held_out),
    ], result.stderr


def test_the_digest_names_exactly_these_questions():
    question = Question("m", "f", "function", "What?", "This.")
    expected = hashlib.sha256(b"1 1 8 5 5\0m\0f\0function\0What?\0This.").hexdigest()
    assert questions_digest([question]) == expected
    assert questions_digest([question._replace(module="mf", name="")]) != expected


def test_a_python_without_sources_is_told_in_a_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr(docstrings.sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(BadInput, match="without the source of its library"):
        python_questions()
