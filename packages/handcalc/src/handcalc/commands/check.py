"""`handcalc check`: every gradient, found in other ways."""

import argparse
import json

from handcalc.gradients.check import Check, checks
from handcalc.model.blocks import BLOCKS

BOUNDS = {"differences": 1e-9, "autograd": 1e-12, "torch": 1e-10}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which step."""
    parser.add_argument("--block", choices=BLOCKS, help="only this one; all four take a minute")
    parser.add_argument("--seed", type=int, default=42, help="of the weights")


def run(options: argparse.Namespace) -> int:
    """A table of the largest errors; 1 if one is beyond its bound."""
    try:
        from handcalc.baselines import torch_step
    except ImportError:
        torch_step = None
    found: list[Check] = []
    for block in [options.block] if options.block else BLOCKS:
        rows = checks(block, options.seed, torch_step)
        if not options.json:
            print_rows(block, rows)
        found += rows
    good = all(within(row) for row in found)
    if options.json:
        print(json.dumps({"ok": good, "bounds": BOUNDS, "rows": [row._asdict() for row in found]}))
    else:
        bounds = ", ".join(f"{bound} ({way})" for way, bound in BOUNDS.items())
        print(f"{'all within' if good else 'NOT all within'} {bounds}")
        if torch_step is None:
            print("PyTorch is not installed, so its column is missing")
    return 0 if good else 1


def within(row: Check) -> bool:
    """Whether no error is beyond its bound."""
    errors = {way: getattr(row, way) for way in BOUNDS}
    return all(error is None or error <= BOUNDS[way] for way, error in errors.items())


def print_rows(block: str, rows: list[Check]) -> None:
    """The errors of one block."""
    print(f"block {block}: largest error of the formulas, against")
    print(f"{'':10}{'numbers':>8}{'differences':>14}{'autograd':>12}{'torch':>12}")
    for row in rows:
        torch = "" if row.torch is None else f"{row.torch:.1e}"
        print(f"{row.name:10}{row.n:8,}{row.differences:14.1e}{row.autograd:12.1e}{torch:>12}")
    n = sum(row.n for row in rows)
    differences = max(row.differences for row in rows)
    autograd = max(row.autograd for row in rows)
    by_torch = [row.torch for row in rows if row.torch is not None]
    torch = f"{max(by_torch):12.1e}" if by_torch else ""
    print(f"{'all':10}{n:8,}{differences:14.1e}{autograd:12.1e}{torch}\n", flush=True)
