"""How a session is run: in how many processes, which tests by default, which skips CI accepts."""

import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS, FILE = [str(ROOT / "tests"), str(ROOT / "packages")], [str(Path(__file__))]


@pytest.fixture
def session(pytestconfig, monkeypatch):
    """The conftest of the root, as in a process that starts others."""
    plugins = pytestconfig.pluginmanager.get_plugins()
    conftest = next(
        each for each in plugins if getattr(each, "__file__", None) == str(ROOT / "conftest.py")
    )
    monkeypatch.setattr(conftest, "WORKER", False)
    return conftest


def options(**changes):
    """The options of a plain call, where pytest-xdist is installed."""
    plain = {"usepdb": False, "capture": "fd", "dist": "no"}
    return SimpleNamespace(**plain | {"numprocesses": None, "maxprocesses": None} | changes)


def test_folders_are_shared_out_to_a_process_per_core_and_at_most_four(session):
    chosen = options()
    session.pytest_cmdline_main(SimpleNamespace(args=FOLDERS, option=chosen))
    assert (chosen.numprocesses, chosen.maxprocesses, chosen.dist) == ("logical", 4, "worksteal")
    chosen = options(dist="loadfile", maxprocesses=8)
    session.pytest_cmdline_main(SimpleNamespace(args=FOLDERS, option=chosen))
    assert (chosen.numprocesses, chosen.maxprocesses, chosen.dist) == ("logical", 8, "loadfile")


@pytest.mark.parametrize(
    ("args", "changes"),
    [
        (FILE, {}),
        ([f"{FILE[0]}::test_one"], {}),
        (FOLDERS, {"usepdb": True}),
        (FOLDERS, {"capture": "no"}),
        (FOLDERS, {"numprocesses": 0}),
    ],
    ids=["a file", "a test", "--pdb", "-s", "-n 0"],
)
def test_some_calls_stay_in_one_process(args, changes, session):
    chosen = options(**changes)
    session.pytest_cmdline_main(SimpleNamespace(args=args, option=chosen))
    assert chosen == options(**changes)


def test_a_worker_starts_no_workers(session, monkeypatch):
    monkeypatch.setattr(session, "WORKER", True)
    chosen = options()
    session.pytest_cmdline_main(SimpleNamespace(args=FOLDERS, option=chosen))
    assert chosen.numprocesses is None


def test_without_xdist_nothing_changes(session):
    chosen = SimpleNamespace(usepdb=False, capture="fd")
    session.pytest_cmdline_main(SimpleNamespace(args=FOLDERS, option=chosen))
    assert vars(chosen) == {"usepdb": False, "capture": "fd"}


@pytest.mark.parametrize(
    "project", [ROOT, ROOT / "packages" / "handcalc"], ids=["root", "handcalc"]
)
def test_slow_tests_and_chapters_wait_for_their_own_commands(project):
    settings = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))["tool"]["pytest"]
    flags = settings["ini_options"]["addopts"]
    chosen = flags[flags.index("-m") + 1].split(" and ")
    assert {"not slow", "not chapters"} <= set(chosen)


def test_in_ci_only_skips_with_a_known_reason_are_skips(session, monkeypatch):
    def judged(reason, ci):
        monkeypatch.setenv("CI", ci)
        report = SimpleNamespace(skipped=True, outcome="skipped", longrepr=("file", 1, reason))
        hook = session.pytest_runtest_makereport()
        next(hook)
        with pytest.raises(StopIteration) as done:
            hook.send(report)
        return done.value.value.outcome

    assert judged("Skipped: baselines: needs the extra baselines", "true") == "skipped"
    assert judged("Skipped: too tired", "true") == "failed"
    assert judged("Skipped: too tired", "false") == "skipped"
