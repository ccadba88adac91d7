"""Rows of data files and hub data sets: dictionaries, each with a name for its place.

A JSON file holds a list of objects, a single one or one per line, a JSONL file one object per line,
a parquet file a table. `layouts` and `pair_layouts` make conversations and preferences of the rows.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from gpt.errors import BadInput
from gpt.files import expand_home, reject_duplicate_keys

RowReaders = Iterator[tuple[str, Callable[[], Any]]]
"""Places, and what reads the row there."""


class SourceRow(NamedTuple):
    """One row of a data set, which is an object."""

    place: str
    """Such as "line 3 of 'pairs.jsonl'"."""
    columns: Callable[[], dict[str, Any]]
    """Reads the row; raises BadInput if it is not an object, so the next row can still be read."""


def read_rows(source: str) -> Iterator[SourceRow]:
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
        found = number_rows(hub_rows(name, configuration or None), f"data set {name!r}")
    else:
        found = file_rows(expand_home(source))
    empty = True
    for place, read in found:
        yield SourceRow(place, partial(read_object, read))
        empty = False
    if empty:
        raise BadInput(f"{source!r} holds no rows")


def read_object(read: Callable[[], Any]) -> dict[str, Any]:
    """A row that is an object."""
    columns = read()
    if not isinstance(columns, dict):
        raise BadInput(f"the row is not a JSON object: {columns!r:.40}")
    return columns


def number_rows(rows: Iterable[Any], name: str) -> RowReaders:
    """Rows and their places."""
    for number, row in enumerate(rows, 1):
        yield f"row {number} of {name}", partial(identity, row)


def identity(row: Any) -> Any:
    """A row that was read already."""
    return row


def file_rows(path: Path) -> RowReaders:
    """The rows of a file, read as its suffix says, and their places."""
    if path.is_dir():
        raise BadInput(f"{str(path)!r} is a folder; give one of the files in it")
    if not path.is_file():
        raise BadInput(f"there is no file {str(path)!r} (a data set of the hub is hub:OWNER/NAME)")
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return number_rows(parquet_rows(path), repr(str(path)))
    if suffix == ".jsonl":
        return jsonl_rows(path, read_text(path))
    if suffix == ".json":
        return json_rows(path, read_text(path))
    raise BadInput(
        f"{str(path)!r} is no .json, .jsonl or .parquet file; unpack or convert it first"
    )


def jsonl_rows(path: Path, text: str) -> RowReaders:
    """One object per line; empty lines are skipped."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield f"line {number} of {str(path)!r}", partial(parse_json, line)


def json_rows(path: Path, text: str) -> RowReaders:
    """A list of objects or a single one; or one per line, as in many sets with this suffix."""
    try:
        rows = parse_json(text)
    except BadInput as error:
        if is_json_object(text.lstrip().partition("\n")[0]):
            return jsonl_rows(path, text)
        raise BadInput(f"{str(path)!r}: {error}") from error
    if isinstance(rows, dict):
        rows = [rows]
    if not isinstance(rows, list):
        raise BadInput(f"{str(path)!r} must hold a list of objects, found {rows!r:.40}")
    return number_rows(rows, repr(str(path)))


def is_json_object(line: str) -> bool:
    """Whether a line is a JSON object by itself."""
    try:
        return isinstance(parse_json(line), dict)
    except BadInput:
        return False


def parse_json(text: str) -> Any:
    """The value of a JSON text.

    Raises:
        BadInput: it is not JSON, or an object has a key twice, of which one would be lost.
    """
    try:
        return json.loads(text, object_pairs_hook=reject_duplicate_keys)
    except BadInput:
        raise
    except (ValueError, RecursionError) as error:
        raise BadInput(f"invalid JSON: {error}") from error


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


def parquet_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a parquet file, a batch at a time.

    `datasets` reads such files too, but takes their names for patterns: data[1].parquet would give
    the rows of data1.parquet.
    """
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches():
                yield from batch.to_pylist()
    except (ValueError, OSError, NotImplementedError) as error:  # a damaged file is a ValueError
        raise BadInput(f"{str(path)!r} cannot be read: {first_line(error)}") from error


def hub_rows(name: str, configuration: str | None) -> Iterator[dict[str, Any]]:
    """The training rows of a data set, by the library `datasets`; nothing is kept on disk."""
    import datasets

    datasets.logging.set_verbosity(datasets.logging.CRITICAL)  # an exception says it all
    try:
        yield from datasets.load_dataset(name, configuration, split="train", streaming=True)
    except ValueError as error:  # no such configuration, no split `train`, a damaged file
        raise BadInput(f"{name!r} cannot be read: {first_line(error)}") from error
    except OSError as error:
        raise BadInput(
            f"data set {name!r} cannot be reached on the hub; check the name and the network, "
            "or download it once and give its file"
        ) from error


def first_line(error: Exception) -> str:
    """First line of an error message."""
    return str(error).strip().partition("\n")[0]
