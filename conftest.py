"""Every test session: a process per core, no calls to the hub, and in CI no unexplained skip."""

import os
import sys
from pathlib import Path

import pytest

os.environ |= {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
os.environ["TOKENIZERS_PARALLELISM"] = "false"
# Compiling the libraries takes longer than importing them, in every process that a session starts.
# So their bytecode is kept, also in a container that sets PYTHONDONTWRITEBYTECODE for its image.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
WORKER = "PYTEST_XDIST_WORKER" in os.environ
if WORKER:  # one of several processes: a thread each, before torch is imported
    os.environ.setdefault("OMP_NUM_THREADS", "1")
MOST_PROCESSES = 4  # each holds torch, transformers and trl: 1.5 GB
REASONS = ("Skipped: baselines:", "Skipped: numpy:", "Skipped: gpu:", "Skipped: browser:")
if sys.platform == "win32":
    REASONS += ("Skipped: posix:",)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    """Share whole folders out to a process per core; one process for named files, --pdb and -s."""
    options = config.option
    folders = all(Path(arg).is_dir() for arg in config.args)
    interactive = options.usepdb or options.capture == "no"
    undecided = getattr(options, "numprocesses", 0) is None  # no -n, and pytest-xdist is there
    if undecided and folders and not interactive and not WORKER:
        options.numprocesses = "logical"
        options.maxprocesses = options.maxprocesses or MOST_PROCESSES
        if options.dist == "no":
            options.dist = "worksteal"  # neighbours stay together, so fixtures are made once


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    """Judge the skip of a test, and below that of a module."""
    report = yield
    xfailed = "wasxfail" in vars(report)
    if report.skipped and not xfailed and os.environ.get("CI") == "true":
        *_, reason = report.longrepr
        if not reason.startswith(REASONS):
            report.outcome, report.longrepr = "failed", f"may not be skipped in CI ({reason})"
    return report


pytest_make_collect_report = pytest_runtest_makereport
