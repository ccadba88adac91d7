"""Rows of data files and hub data sets: dictionaries, each with a name for where it stands.

A JSON file holds a list of objects, a JSONL file an object on each line, a parquet file a table.
`layouts` and `pair_layouts` make conversations and preferences of the rows.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from gpt.errors import BadInput


class Row(NamedTuple):
    """One object."""

    place: str
    """Such as "line 3 of 'pairs.jsonl'"."""
    columns: dict[str, Any]


def read_rows(source: str) -> Iterator[Row]:
    """The rows of a source, one after the other.

    Args:
        source: a `.json`, `.jsonl` or `.parquet` file, or `hub:OWNER/NAME` or
            `hub:OWNER/NAME:CONFIGURATION` for the training rows of a hub data set, which are
            streamed.

    Raises:
        BadInput: there is no such source, or it is of another kind than its name says, or empty.
    """
    if source.startswith("hub:"):
        name, _, configuration = source.removeprefix("hub:").partition(":")
        if not name.strip("/ "):
            raise BadInput(f"{source!r} names no data set; write hub:OWNER/NAME")
        rows = streamed(name, configuration or None)
        found = numbered(rows, f"data set {name!r}")
    else:
        found = file_rows(Path(source))
    empty = True
    for place, columns in found:
        if not isinstance(columns, dict):
            raise BadInput(f"{place} is no object with columns: {columns!r:.40}")
        yield Row(place, columns)
        empty = False
    if empty:
        raise BadInput(f"{source!r} holds no rows")


def numbered(rows: Iterable[Any], name: str) -> Iterator[tuple[str, Any]]:
    """Rows and their places."""
    for number, row in enumerate(rows, 1):
        yield f"row {number} of {name}", row


def file_rows(path: Path) -> Iterator[tuple[str, Any]]:
    """The rows of a file, read as its suffix says, and their places."""
    if not path.is_file():
        raise BadInput(f"there is no file {str(path)!r} (a data set of the hub is hub:OWNER/NAME)")
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return numbered(streamed("parquet", None, data_files=str(path)), repr(str(path)))
    if suffix == ".jsonl":
        return jsonl_rows(path)
    if suffix == ".json":
        return numbered(json_rows(path), repr(str(path)))
    raise BadInput(f"{str(path)!r} is no .json, .jsonl or .parquet file")


def jsonl_rows(path: Path) -> Iterator[tuple[str, Any]]:
    """An object a line; empty lines are passed over."""
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if line.strip():
            place = f"line {number} of {str(path)!r}"
            yield place, parsed_json(line, place)


def json_rows(path: Path) -> list[Any]:
    """A list of objects."""
    rows = parsed_json(read_text(path), repr(str(path)))
    if not isinstance(rows, list):
        raise BadInput(f"{str(path)!r} must hold a list of objects, found {rows!r:.40}")
    return rows


def parsed_json(text: str, place: str) -> Any:
    """What the JSON says."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{place} is not JSON: {error}") from error


def read_text(path: Path) -> str:
    """A text file in UTF-8, with or without a byte order mark."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(
            f"{str(path)!r} is not a text file in UTF-8 (byte {error.start} cannot be read)"
        ) from error
    except OSError as error:
        raise BadInput(f"{str(path)!r} cannot be read: {error.strerror}") from error


def streamed(name: str, configuration: str | None, **options: Any) -> Iterator[dict[str, Any]]:
    """The training rows of a data set, by the library `datasets`; nothing is kept on disk."""
    import datasets

    datasets.logging.set_verbosity(datasets.logging.CRITICAL)  # an exception says it all
    described = options.get("data_files", name)
    try:
        yield from datasets.load_dataset(
            name, configuration, split="train", streaming=True, **options
        )
    except ValueError as error:  # no such configuration, no split `train`, a damaged file
        reason = str(error).strip().partition("\n")[0]
        raise BadInput(f"{described!r} cannot be read: {reason}") from error
    except OSError as error:
        raise BadInput(
            f"data set {described!r} cannot be reached on the hub; check the name and the network, "
            "or download it once and give its file"
        ) from error
