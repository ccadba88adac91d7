"""Running the checks of a package on the functions that its reader wrote."""

from importlib import import_module
from pkgutil import iter_modules


def names(package: str) -> list[str]:
    """List the exercises of a package: each has a file in its folder `exercises/mine`."""
    mine = import_module(f"{package}.exercises.mine")
    return [module.name for module in iter_modules(mine.__path__)]


def verdict(package: str, name: str) -> str:
    """Check the function in `mine`: return open, solved, or a sentence on what is wrong."""
    answer = getattr(import_module(f"{package}.exercises.mine.{name}"), name)
    try:
        import_module(f"{package}.exercises.check_{name}").check(answer)
    except NotImplementedError:
        return "open"
    except AssertionError as error:
        return f"not yet: {error}"
    except Exception as error:  # the reader's code may raise any error
        return f"not yet: {type(error).__name__}: {error}"
    return "solved"


def print_verdicts(package: str) -> None:
    """Print one line per exercise."""
    for name in names(package):
        print(f"{name}: {verdict(package, name)}")
