"""The pictures of the book: everything given is in them, readable on a narrow page, and escaped."""

import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest
import torch
from book import figures as draw
from book.shapes import FONT, HIGHLIGHT, text_width

ROOT = Path(__file__).parents[1]
WORDS = ["The", "parcel", "was"]
WEIGHTS = [[1.0, None, None], [0.25, 0.75, None], [0.125, 0.625, 0.25]]
LEAVES = (draw.Node("10 8", edge="4 + 6"), draw.Node("24 8", edge="4 * 6", highlight=True))


def parsed(shape):
    return ElementTree.fromstring(draw.figure(shape, alt="A picture.").svg)


def texts(shape):
    return [each.text for each in parsed(shape).iter() if each.tag.endswith("}text")]


def rectangles(shape):
    """The corners of every rectangle: where the groups around it move it to."""

    def found(element, x, y):
        moved = re.match(r"translate\((\S+) (\S+)\)", element.get("transform", ""))
        x, y = (x + float(moved[1]), y + float(moved[2])) if moved else (x, y)
        if element.tag.endswith("}rect"):
            left, top = x + float(element.get("x")), y + float(element.get("y"))
            right, bottom = float(element.get("width")), float(element.get("height"))
            yield SimpleNamespace(left=left, top=top, right=left + right, bottom=top + bottom)
        for child in element:
            yield from found(child, x, y)

    return list(found(parsed(shape), 0, 0))


def overlap(a, b):
    across = min(a.right, b.right) - max(a.left, b.left)
    return across > 0.5 and min(a.bottom, b.bottom) - max(a.top, b.top) > 0.5


def every_primitive():
    table = draw.grid(WEIGHTS, WORDS, WORDS, full_colour=1, spans=[(0, 2, "before")])
    tokens = draw.strip(WORDS, ids=[1, 22, 333], mask=[0, 1, 1], highlight=[2])
    search = draw.tree(draw.Node("4 6 8", LEAVES))
    placed = draw.scene(
        (0, 0, draw.box("query")), (90, 60, draw.box("key")), arrows=[(0, 1, "dot")]
    )
    return draw.column(
        draw.row(table, draw.brace(80, "rows", side="right")),
        draw.arrow("softmax", "down"),
        tokens,
        draw.brace(100, "context"),
        search,
        placed,
        "plain words",
    )


def test_every_number_and_label_is_in_the_picture():
    assert texts(draw.grid(WEIGHTS, WORDS, WORDS, spans=[(1, 3, "later")])) == [
        *WORDS,
        *WORDS,
        *["1.00", "0.25", "0.75", "0.12", "0.62", "0.25"],
        "later",
    ]
    assert set(texts(every_primitive())) >= {
        *["The", "parcel", "was", "0.75", "before", "rows", "softmax", "1", "22", "333"],
        *["context", "4 6 8", "4 + 6", "10 8", "query", "dot", "key", "plain words"],
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [(3, "3"), (-0.001, "0.0"), (2.25, "2.2"), (float("-inf"), "-inf"), (True, "1"), ("q", "q")],
)
def test_whole_numbers_stay_whole_and_others_are_rounded(value, text):
    assert texts(draw.grid([[value]], digits=1)) == [text]


def test_tensors_are_drawn_like_lists():
    whole, real = [[1, 2], [3, 4]], [[0.5, -1.25], [2.0, 0.0]]
    assert draw.grid(torch.tensor(whole)) == draw.grid(whole)
    assert draw.grid(torch.tensor(real), full_colour=2) == draw.grid(real, full_colour=2)
    kept, ids = torch.tensor([False, True]), torch.tensor([5, 6])
    assert draw.strip("ab", ids, kept) == draw.strip("ab", [5, 6], [0, 1])


def test_text_is_escaped_and_nothing_is_invisible():
    token = "</text><b>&\"'\n\x00"
    svg = draw.figure(draw.strip([token, " a"]), alt=f"Alt {token}").svg
    assert "<b>" not in svg
    tree = ElementTree.fromstring(svg)
    assert texts(draw.strip([token, " a"])) == ["</text><b>&\"'\\n\\x00", "·a"]
    assert tree.get("aria-label") == "Alt </text><b>&\"'\\n\\x00"
    for shape in (draw.arrow(token), draw.grid([[token]], [token], [token])):
        assert set(texts(shape)) == {"</text><b>&\"'\\n\\x00"}
    assert texts(draw.box(token)) == ["</text><b>&\"'", "\\x00"]


def test_a_figure_without_alt_text_is_refused():
    for alt in ("", " \n"):
        with pytest.raises(ValueError, match="needs alt text"):
            draw.figure(draw.box("a"), alt=alt)
    picture = draw.figure(draw.box("a"), alt="A box.", title="Title")
    assert ElementTree.fromstring(picture.svg).get("role") == "img"
    assert repr(picture) == "Figure(alt='A box.')"
    assert picture._repr_html_() == picture.svg


def test_the_size_grows_with_the_content():
    small, wide, tall = (draw.grid(each) for each in ([[1]], [[1, 2]], [[1], [2]]))
    assert (wide.width > small.width, wide.height) == (True, small.height)
    assert (tall.width, tall.height > small.height) == (small.width, True)
    assert draw.box("longer words").width > draw.box("words").width
    assert draw.box("模型").width > draw.box("ab").width  # each as wide as two letters
    assert draw.strip(["模型"]).width > draw.strip(["ab"]).width
    assert draw.column(small, tall).height > small.height + tall.height
    assert draw.row(small, wide).width > small.width + wide.width
    root = draw.Node("a", LEAVES)
    assert draw.tree(root).height < draw.tree(draw.Node("a", [*LEAVES, root])).height


def test_words_wrap_at_spaces_and_at_line_breaks():
    assert texts(draw.box("a network with\ntwo layers", width=100)) == [
        "a network",
        "with",
        "two layers",
    ]
    assert texts(draw.label("unbreakable", width=20)) == ["unbreakable"]


def test_shapes_in_a_row_or_column_are_in_line():
    low, high = draw.grid([[1]]), draw.grid([[1], [2], [3]])
    tops = [rectangles(draw.row(low, high, align=each))[0].top for each in (0, 0.5, 1)]
    assert tops == [2, 2 + (high.height - low.height) / 2, 2 + high.height - low.height]
    narrow, wide = draw.grid([[1]]), draw.grid([[1, 2, 3]])
    lefts = [rectangles(draw.column(narrow, wide, align=each))[0].left for each in (0, 0.5, 1)]
    assert lefts == [2, 2 + (wide.width - narrow.width) / 2, 2 + wide.width - narrow.width]


def test_nothing_leaves_the_picture():
    shape = every_primitive()
    for each in rectangles(shape):
        assert 0 <= each.left < each.right <= shape.width + 4
        assert 0 <= each.top < each.bottom <= shape.height + 4


def test_highlighted_cells_and_kept_tokens_differ():
    plain, marked = draw.grid([[1, 2]]), draw.grid([[1, 2]], highlight=[(0, 1)])
    assert HIGHLIGHT not in plain.body
    assert marked.body.count(HIGHLIGHT) == marked.body.count('font-weight="bold"') == 1
    assert 'bold">2<' in marked.body
    kept = draw.strip("ab", mask=[False, True])
    assert re.findall(r'fill-opacity="(\S+)"', kept.body) == ["0.00", "0.40"]


def test_colours_follow_sign_and_size():
    body = draw.grid([[0.5, -1, 4, 0]], full_colour=2).body
    found = re.findall(r'fill="(#\w+)" fill-opacity="(\S+)"', body)
    assert found[0] == (draw.POSITIVE, "0.11")
    assert found[1:3] == [(draw.NEGATIVE, "0.23"), (draw.POSITIVE, "0.45")]
    assert found[3][1] == "0.00"


def test_text_keeps_nine_points_at_390_pixels_or_the_figure_is_refused():
    """9 points are 12 pixels; the page leaves 342 of 390 pixels to a picture."""
    assert 342 / draw.WIDEST * FONT >= 12
    draw.figure(draw.grid([range(12)]), alt="Twelve cells.")
    with pytest.raises(ValueError, match="424 units wide, .* only up to 399"):
        draw.figure(draw.grid([range(14)]), alt="Fourteen cells.")


def test_a_strip_wraps_and_its_braces_with_it():
    shape = draw.strip(["token"] * 20, spans=[(2, 12, "question"), (12, 20, "answer")])
    lines = {each.top for each in rectangles(shape)}
    assert len(lines) == 3
    assert texts(shape).count("question") == texts(shape).count("answer") == 2
    assert not any(overlap(a, b) for a, b in combinations(rectangles(shape), 2))
    with pytest.raises(ValueError, match="no room for 'extraordinarily'"):
        draw.strip("abc", spans=[(0, 1, "a"), (1, 2, "extraordinarily")])


def test_trees_place_no_two_nodes_on_one_spot():
    deep = draw.Node("root\nof\nthree\nlines", LEAVES[:1])
    wide = draw.Node("x", [draw.Node(f"leaf {i}", LEAVES if i % 2 else (), "e") for i in range(4)])
    boxes = rectangles(draw.tree(draw.Node("a", [deep, wide, draw.Node("end")])))
    assert len(boxes) == 13
    parent, child, *_ = rectangles(draw.tree(deep))  # its only child is beside its middle
    assert parent.top + parent.bottom == child.top + child.bottom
    assert not any(overlap(a, b) for a, b in combinations(boxes, 2))


def test_arrows_stop_at_the_edges_of_their_shapes():
    a, b = draw.box("a"), draw.box("b")
    shape = draw.scene((0, 0, a), (100, 0, b), arrows=[(0, 1, ""), ((5, 50), (5, 90), "")])
    assert (round(a.width, 1), a.height, shape.height) == (28.1, 30, 90)
    assert 'd="M32.1 15L' in shape.body  # 4 units beside a
    assert 'points="96,15 ' in shape.body
    assert 'd="M5 50L' in shape.body
    assert 'points="5,90 ' in shape.body


def test_the_same_picture_has_the_same_bytes():
    pictures = {draw.figure(every_primitive(), alt="All of them.").svg for _ in range(2)}
    assert len(pictures) == 1
    svg = pictures.pop()
    assert 'id="' not in svg  # two figures of a page would share it
    assert re.findall(r"https?://[^\"]+", svg) == [
        "http://www.w3.org/2000/svg"
    ]  # nothing is loaded


@pytest.mark.parametrize(
    ("direction", "tip"),
    [("right", "100,10"), ("left", "0,10"), ("down", "29.4,100"), ("up", "29.4,0")],
)
def test_arrows_point_where_they_are_told_and_leave_room_for_their_text(direction, tip):
    shape = draw.arrow("a text", direction, length=100)
    assert f'points="{tip} ' in shape.body
    x1, y1, x2, y2 = map(float, re.findall(r"L(\S+) (\S+)M(\S+) (\S+)L", shape.body)[0])
    assert max(abs(x2 - x1) / text_width("a text"), abs(y2 - y1) / FONT) > 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: draw.grid([[1, 2], [3]]), r"rows of one length, not \[2, 1\]"),
        (lambda: draw.grid([]), "rows of one length"),
        (lambda: draw.grid([[1, 2]], column_labels=["a"]), "1 labels, .* for 2 cells"),
        (lambda: draw.grid([[1]], highlight=[(1, 0)]), r"cannot highlight \[\(1, 0\)\]"),
        (lambda: draw.strip([]), "at least one token"),
        (lambda: draw.strip("ab", ids=[1]), "1 labels, .* for 2 cells"),
        (lambda: draw.strip("ab", mask=[1, 1, 0]), "3 labels, .* for 2 cells"),
        (lambda: draw.arrow(direction="north"), "not 'north'"),
        (lambda: draw.brace(50, "a", side="left"), "not 'left'"),
    ],
)
def test_what_does_not_fit_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()


def test_the_kernels_of_the_book_find_the_module(monkeypatch, tmp_path):
    """A chapter runs in its own folder, in a process with the environment that conf.py leaves."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    script = (
        "import runpy, subprocess, sys; runpy.run_path(sys.argv[1]);"
        "subprocess.run([sys.executable, '-c', 'from book import figures'], check=True)"
    )
    command = [sys.executable, "-c", script, str(ROOT / "book" / "conf.py")]
    subprocess.run(command, cwd=tmp_path, check=True)
