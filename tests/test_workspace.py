"""The members: who imports whom, what each declares, and whether each works when it is alone."""

import ast
import json
import os
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
# each member, and the siblings it stands on
EDGES: dict[str, set[str]] = {
    "handcalc": set(),
    "gpt": set(),
    "finetune": {"gpt"},
    "reasoning": {"gpt"},
    "diffusion": {"gpt"},
}
PREFIX = "insideout-"
# modules and folders that need an extra
OPTIONAL = {"baselines.py", "arrays"}


def members(root: Path) -> dict[str, dict]:
    """Every member's pyproject by folder name."""
    files = sorted(root.glob("packages/*/pyproject.toml"))
    return {file.parent.name: tomllib.loads(file.read_text("utf-8")) for file in files}


def requirements(lines: list[str]) -> dict[str, Requirement]:
    return {canonicalize_name(each.name): each for each in map(Requirement, lines)}


def declared_siblings(member: dict) -> dict[str, Requirement]:
    found = requirements(member["project"].get("dependencies", []))
    return {name.removeprefix(PREFIX): found[name] for name in found if name.startswith(PREFIX)}


def imports(module: Path) -> set[tuple[str, bool]]:
    """What a module imports: the first name of each, and whether the import waits in a function."""
    tree = ast.parse(module.read_text("utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    waiting = {node for function in functions for node in ast.walk(function)}
    found = set()
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [node.module]
        found |= {(name.split(".")[0], node in waiting) for name in names}
    return found


def source(root: Path, name: str) -> list[Path]:
    return sorted((root / "packages" / name / "src").rglob("*.py"))


def wrong_edges(root: Path, edges: dict[str, set[str]]) -> list[str]:
    """Where the table, the imports and the declarations differ."""
    wrong = [
        f"{name} is a member or in the table, not both" for name in members(root) ^ edges.keys()
    ]
    for name, member in members(root).items():
        imported = {first for module in source(root, name) for first, _ in imports(module)}
        for kind, found in {
            "imports": imported & members(root).keys() - {name},
            "declares": set(declared_siblings(member)),
        }.items():
            if found != edges.get(name, set()):
                wrong.append(f"{name} {kind} {sorted(found)}, not {sorted(edges.get(name, set()))}")
    return wrong


def wrong_ranges(root: Path) -> list[str]:
    """Sibling ranges that are open at an end, miss the sibling's version, or would ask an index."""
    wrong = []
    for name, member in members(root).items():
        workspace_sources = member.get("tool", {}).get("uv", {}).get("sources", {})
        for sibling, requirement in declared_siblings(member).items():
            version = members(root)[sibling]["project"]["version"]
            if {each.operator for each in requirement.specifier} != {">=", "<"}:
                wrong.append(f"{name}: {requirement} is no range >=a,<b")
            if version not in requirement.specifier:
                wrong.append(f"{name}: {requirement} misses {version}")
            if workspace_sources.get(PREFIX + sibling) != {"workspace": True}:
                wrong.append(f"{name}: no workspace source for {PREFIX + sibling}")
    return wrong


def wrong_imports(root: Path) -> list[str]:
    """Imports from outside that are undeclared, or that need an extra as soon as one imports us."""
    wrong, distributions = [], packages_distributions()
    for name, member in members(root).items():
        core = requirements(member["project"].get("dependencies", [])).keys()
        extras = member["project"].get("optional-dependencies", {}).values()
        extra = {each for lines in extras for each in requirements(lines)}
        for module in source(root, name):
            for first, waits in sorted(imports(module)):
                owners = {canonicalize_name(each) for each in distributions.get(first, [first])}
                if first in sys.stdlib_module_names | members(root).keys() or owners & core:
                    continue
                if not owners & extra:
                    wrong.append(f"{name}/{module.name}: {first} is not declared")
                elif not waits and not OPTIONAL & set(module.relative_to(root).parts):
                    wrong.append(f"{name}/{module.name}: {first} is an extra, imported at the top")
    return wrong


def test_members_import_and_declare_exactly_the_edges_of_the_table():
    assert wrong_edges(ROOT, EDGES) == []


def test_sibling_ranges_are_bounded_and_hold_the_siblings_version():
    assert wrong_ranges(ROOT) == []


def test_outside_imports_are_declared_and_those_of_extras_wait_for_a_call():
    assert wrong_imports(ROOT) == []


@pytest.fixture
def made_up(tmp_path: Path) -> Path:
    """Two members: `high` stands on `low` and does everything wrong that it can."""
    for name, version, lines, code in [
        ("low", "0.3.0", [], "import json, high\n"),
        ("high", "0.1.0", ["insideout-low<0.3"], "import low.deep, einops, torch\n"),
    ]:
        package = tmp_path / "packages" / name / "src" / name
        package.mkdir(parents=True)
        (package / "a.py").write_text(code)
        (package / "arrays").mkdir()
        for optional in ("baselines.py", "arrays/a.py"):
            (package / optional).write_text("import torch\n")
        (package.parents[1] / "pyproject.toml").write_text(
            f"[project]\nname = 'insideout-{name}'\nversion = '{version}'\ndependencies = {lines}\n"
            "optional-dependencies.baselines = ['torch']\n"
        )
    return tmp_path


def test_a_wrong_edge_is_found(made_up: Path):
    assert wrong_edges(made_up, {"low": set(), "high": {"low"}}) == ["low imports ['high'], not []"]
    assert "high declares ['low'], not []" in wrong_edges(made_up, {"low": {"high"}, "high": set()})
    assert (
        wrong_edges(made_up, {"low": {"high"}})[0] == "high is a member or in the table, not both"
    )


def test_an_open_range_that_misses_the_version_is_found(made_up: Path):
    assert wrong_ranges(made_up) == [
        "high: insideout-low<0.3 is no range >=a,<b",
        "high: insideout-low<0.3 misses 0.3.0",
        "high: no workspace source for insideout-low",
    ]


def test_an_undeclared_import_and_an_eager_extra_are_found(made_up: Path):
    assert wrong_imports(made_up) == [
        "high/a.py: einops is not declared",
        "high/a.py: torch is an extra, imported at the top",
    ]


@pytest.mark.parametrize("name", EDGES)
def test_a_member_has_the_shape_of_a_member(name: str):
    folder, project = ROOT / "packages" / name, members(ROOT)[name]["project"]
    assert project["name"] == PREFIX + name
    assert project["requires-python"] == ">=3.11"
    assert project["scripts"] == {name: f"{name}.cli:main"}
    parts = ["README.md", "CHANGELOG.md", f"src/{name}/__init__.py", "tests", "chapters"]
    assert [part for part in parts if not (folder / part).exists()] == []


def test_a_clone_has_every_member_with_its_baselines_and_checks_its_shapes():
    root = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    needed = requirements(root["project"]["dependencies"])
    flags = root["tool"]["pytest"]["ini_options"]["addopts"]
    checked = next(flag for flag in flags if flag.startswith("--jaxtyping-packages="))
    for name, member in members(ROOT).items():
        assert "baselines" in needed[PREFIX + name].extras
        assert root["tool"]["uv"]["sources"][PREFIX + name] == {"workspace": True}
        if "jaxtyping" in requirements(member["project"].get("dependencies", [])):
            assert name in checked.partition("=")[2].split(",")


def test_no_committed_file_but_the_lock_names_an_index():
    hosts = [("files", "pythonhosted", "org"), ("pypi", "org/simple"), ("registry", "npmjs", "org")]
    needles = [".".join(host).encode() for host in hosts]  # joined, so that this file has none
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True)
    files = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    texts = {file: file.read_bytes() for file in files if file.is_file() and file.name != "uv.lock"}
    assert [file for file in texts if any(needle in texts[file] for needle in needles)] == []


# From here on each member alone. `uv run` takes the test tools from the member's own group `dev`.
IMPORT_ALL = """
import importlib, pkgutil, sys
package = importlib.import_module(sys.argv[1])
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    if not {"baselines", "arrays", "__main__"} & set(module.name.split(".")):
        importlib.import_module(module.name)
"""


def run(*command: str | Path, cwd: Path = ROOT) -> None:
    """Run a command, which has to succeed; what it said is shown where it does not."""
    done = subprocess.run(
        command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"
    )
    assert done.returncode == 0, done.stdout


def try_installed(name: str, folder: Path, *install: str | Path) -> None:
    """Install into an empty environment, then import and call the package from another folder."""
    python = folder / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    pins = folder / "pins.txt"  # the versions of the lock, so that the test is the same tomorrow
    run("uv", "export", "-q", "--package", PREFIX + name, "--no-emit-workspace", "-o", pins)
    run("uv", "venv", "--python", sys.executable, folder / "venv")
    run("uv", "pip", "install", "--python", python, "--constraint", pins, *install)
    run(python, "-c", IMPORT_ALL, name, cwd=folder)
    run(python.with_name(name), "--help", cwd=folder)


@pytest.mark.slow
@pytest.mark.parametrize("name", EDGES)
def test_a_members_tests_pass_with_its_core_dependencies_alone(name: str):
    isolated = ["uv", "run", "--isolated", "--locked", "--python", sys.executable]
    run(*isolated, "--package", PREFIX + name, "pytest", "-n0", Path("packages", name, "tests"))


@pytest.mark.slow
@pytest.mark.parametrize("name", EDGES)
def test_a_wheel_holds_the_source_alone_and_works_where_nothing_else_is(name: str, tmp_path: Path):
    for each in {name} | EDGES[name]:
        run("uv", "build", "--wheel", "--package", PREFIX + each, "-o", tmp_path)
    (wheel,) = tmp_path.glob(f"insideout_{name}-*.whl")
    held = {file for file in zipfile.ZipFile(wheel).namelist() if not file.endswith("/")}
    src = ROOT / "packages" / name / "src"
    written = {file for file in src.rglob("*") if file.is_file() and file.suffix != ".pyc"}
    assert {file for file in held if ".dist-info/" not in file} == {
        file.relative_to(src).as_posix() for file in written
    }
    try_installed(name, tmp_path, "--find-links", tmp_path, wheel)


@pytest.mark.slow
@pytest.mark.parametrize("name", EDGES)
def test_an_editable_install_works_from_another_folder(name: str, tmp_path: Path):
    try_installed(name, tmp_path, "--editable", ROOT / "packages" / name)


@pytest.mark.slow
@pytest.mark.parametrize("name", EDGES)
def test_an_install_from_a_git_address_works(name: str, tmp_path: Path):
    """The last commit of this repository, with the siblings that the package needs."""
    try_installed(name, tmp_path, f"git+{ROOT.as_uri()}#subdirectory=packages/{name}")


TRANSFORMERS_ALONE = """
import importlib.util, json, sys
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained(sys.argv[1])
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
tokens = torch.tensor([json.loads(sys.argv[2])])
with torch.no_grad():
    logits = model(tokens).logits[0].tolist()
whole = model.generate(tokens, do_sample=False, max_new_tokens=12, pad_token_id=0)[0].tolist()
print(json.dumps({
    "logits": logits,
    "greedy": whole[tokens.shape[1]:],
    "text": tokenizer.decode(whole),
    "gpt": importlib.util.find_spec("gpt") is not None,
}))
"""


@pytest.mark.slow
def test_a_folder_of_gpt_export_opens_where_only_transformers_and_torch_are(tmp_path: Path):
    import torch

    from gpt.cli import main
    from gpt.generation.generate import generate
    from gpt.generation.sampling import sample_token
    from gpt.runs.folder import load_model
    from gpt.text.tokenizers import decode

    folder, pins = tmp_path / "out", tmp_path / "pins.txt"
    (tmp_path / "text.txt").write_text("The list holds items. The items are numbers.\n" * 60)
    train = "train --device cpu --preset nano --context 32 --vocab-size 280 --steps 12"
    paths = ["--data", str(tmp_path / "text.txt"), "--runs", str(tmp_path), "--name", "run"]
    assert main([*train.split(), "--recipe", "fast", *paths]) == 0
    assert main(["export", "--run", str(tmp_path / "run"), "--output", str(folder)]) == 0
    model, tokenizer, _ = load_model(tmp_path / "run")
    prompt = tokenizer.encode("The list holds")
    stop = frozenset({tokenizer.end_of_text})
    greedy = list(
        generate(model, prompt, 12, lambda each: sample_token(each, temperature=0.0), stop)
    )

    python = tmp_path / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    run("uv", "export", "-q", "--all-extras", "--no-emit-workspace", "-o", pins)
    run("uv", "venv", "--python", sys.executable, tmp_path / "venv")
    install = ["uv", "pip", "install", "--python", python, "--constraint", pins]
    run(*install, "transformers", "torch")
    command = [python, "-c", TRANSFORMERS_ALONE, folder, json.dumps(prompt)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    theirs = json.loads(done.stdout)
    assert theirs["gpt"] is False
    with torch.no_grad():
        ours = model(torch.tensor([prompt]))[0]
    torch.testing.assert_close(torch.tensor(theirs["logits"]), ours, atol=1e-5, rtol=1e-5)
    assert [token for token in theirs["greedy"] if token not in stop] == greedy
    if len(greedy) == 12:
        assert theirs["text"] == decode(tokenizer, prompt + greedy)
    assert len(greedy) > 3
