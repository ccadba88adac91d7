"""`handcalc check`: compare every gradient with finite differences, autograd and PyTorch."""

import argparse
import json

from handcalc.gradients.check import Check, check_gradients
from handcalc.model.transformer import BLOCKS

BOUNDS = {"differences": 1e-9, "autograd": 1e-12, "torch": 1e-10}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the choice of the block and the seed."""
    parser.add_argument(
        "--block",
        choices=BLOCKS,
        help="check only this block (default: all four, which takes a minute)",
    )
    parser.add_argument(
        "--seed", type=int, default=42, help="seed of the weights (default: %(default)s)"
    )


def run(options: argparse.Namespace) -> int:
    """Print a table of the largest errors; return 1 if one exceeds its bound."""
    try:
        from handcalc.baselines import torch_step
    except ImportError:
        torch_step = None
    checks: list[Check] = []
    for block in [options.block] if options.block else BLOCKS:
        checks_of_block = check_gradients(block, options.seed, torch_step)
        if not options.json:
            print_checks(block, checks_of_block)
        checks += checks_of_block
    errors = [(getattr(check, way), bound) for check in checks for way, bound in BOUNDS.items()]
    ok = all(error is None or error <= bound for error, bound in errors)
    if options.json:
        rows = [check._asdict() for check in checks]
        print(json.dumps({"ok": ok, "bounds": BOUNDS, "rows": rows}))
    else:
        bounds = ", ".join(f"{bound} ({way})" for way, bound in BOUNDS.items())
        print(f"{'all within' if ok else 'NOT all within'} {bounds}")
        if torch_step is None:
            print("PyTorch is not installed, so its column is missing")
    return 0 if ok else 1


def print_checks(block: str, checks: list[Check]) -> None:
    """Print the errors of one block, tensor by tensor and the largest of all."""
    print(f"block {block}: largest error of the formulas, against")
    print(f"{'':10}{'numbers':>8}{'differences':>14}{'autograd':>12}{'torch':>12}")
    for check in checks:
        torch = "" if check.torch is None else f"{check.torch:.1e}"
        errors = f"{check.differences:14.1e}{check.autograd:12.1e}{torch:>12}"
        print(f"{check.name:10}{check.n:8,}{errors}")
    n = sum(check.n for check in checks)
    differences = max(check.differences for check in checks)
    autograd = max(check.autograd for check in checks)
    by_torch = [check.torch for check in checks if check.torch is not None]
    torch = f"{max(by_torch):12.1e}" if by_torch else ""
    print(f"{'all':10}{n:8,}{differences:14.1e}{autograd:12.1e}{torch}\n", flush=True)
