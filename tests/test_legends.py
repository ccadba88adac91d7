"""Every letter in a shape annotation is explained in the README of its package."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DTYPES = {"Bool", "Complex", "Float", "Int", "Integer", "Num", "Real", "Shaped", "UInt", "UInt8"}


def shapes(source: str) -> list[str]:
    """Shapes of the jaxtyping annotations in a module, such as "B T D"."""
    return [
        str(node.slice.elts[1].value)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Name)
        and node.value.id in DTYPES
        and isinstance(node.slice, ast.Tuple)
        and isinstance(node.slice.elts[1], ast.Constant)
    ]


def letters(shape: str) -> set[str]:
    """Letters of a shape: single ones, also after * or #, and capitals in products such as HK."""
    axes = [axis.lstrip("*#?") for axis in shape.split()]
    single = {axis for axis in axes if re.fullmatch("[A-Za-z]", axis)}
    return single | {letter for axis in axes for letter in re.findall("[A-Z]", axis)}


def legend(readme: str) -> set[str]:
    """Letters explained in the paragraph that begins with "Letters in shapes:"."""
    found = re.search(r"^Letters in shapes:(.*?)(\n\n|\Z)", readme, re.MULTILINE | re.DOTALL)
    return set(re.findall(r"\b[A-Za-z]\b(?= \w)", found[1])) - {"a"} if found else set()


ANNOTATED = {
    package.name: {
        letter
        for module in package.glob("src/**/*.py")
        for shape in shapes(module.read_text("utf-8"))
        for letter in letters(shape)
    }
    for package in sorted(ROOT.glob("packages/*"))
}


@pytest.mark.parametrize("name", [name for name, used in ANNOTATED.items() if used])
def test_the_legend_of_a_readme_has_every_letter_of_the_shapes(name: str):
    explained = legend((ROOT / "packages" / name / "README.md").read_text("utf-8"))
    assert sorted(ANNOTATED[name] - explained) == []


def test_annotations_are_found():
    assert {name for name, used in ANNOTATED.items() if used} == {
        *("diffusion", "finetune", "gpt", "reasoning")
    }
    assert ANNOTATED["gpt"] > {"B", "T", "D"}


def test_letters_of_stars_products_and_words():
    source = 'def f(x: Float[Tensor, "*B #T HK half 2"], y: Int[Tensor, " n"] | None): ...'
    assert [letters(shape) for shape in shapes(source)] == [{"B", "T", "H", "K"}, {"n"}]


def test_a_legend_ends_with_its_paragraph():
    assert legend("Letters in shapes: B batch, n a count (S of keys).\n\nA Q is no V there") == {
        *("B", "n", "S")
    }
    assert legend("# no legend") == set()
