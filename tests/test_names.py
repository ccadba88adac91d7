"""Within a package, two modules do not define the same public name."""

import ast
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
COMMAND_NAMES = {"run", "add_options"}
"""Every command has these functions."""
TYPING = {"TYPE_CHECKING"}
"""handcalc writes the constant of `typing` itself, since MicroPython has no such module."""
MIRROR = "arrays"
"""The folder of handcalc that writes the same functions once more with NumPy."""


def public_names(module):
    """Names that a module defines at its top level, without those that begin with _."""
    for node in ast.parse(module.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names = [node.name]
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [
                each.id
                for target in targets
                for each in ast.walk(target)
                if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
            ]
        else:
            continue
        yield from (name for name in names if not name.startswith("_") and name not in TYPING)


@pytest.mark.parametrize("package", sorted(path.name for path in (ROOT / "packages").iterdir()))
def test_a_public_name_has_one_meaning_in_its_package(package):
    folder, homes = ROOT / "packages" / package / "src" / package, defaultdict(set)
    for module in sorted(folder.rglob("*.py")):
        parts = module.relative_to(folder).parts
        if parts[0] in ("exercises", MIRROR):
            continue
        for name in public_names(module):
            if not (parts[0] == "commands" and name in COMMAND_NAMES):
                homes[name].add("/".join(parts))
    assert homes, f"no module found in {folder}"
    assert {name: sorted(where) for name, where in homes.items() if len(where) > 1} == {}
