"""Every test session: no calls to the hub, and with CI=true no skip but those of `REASONS`."""

import os
import sys

import pytest

os.environ |= {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
os.environ["TOKENIZERS_PARALLELISM"] = "false"
if "PYTEST_XDIST_WORKER" in os.environ:  # one of several processes: a thread each
    os.environ.setdefault("OMP_NUM_THREADS", "1")
REASONS = ("Skipped: baselines:", "Skipped: numpy:", "Skipped: gpu:")
if sys.platform == "win32":
    REASONS += ("Skipped: posix:",)


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
