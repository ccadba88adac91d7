"""Rows of data files and hub data sets: dictionaries, each with the place that it came from.

A JSON file contains a list of objects, a single object, or one object per line; a JSONL file one
object per line; a parquet file a table. `layouts` and `pair_layouts` read what is in a row.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from gpt.errors import BadInput
from gpt.files import expand_home, reject_duplicate_keys


class SourceRow(NamedTuple):
    """One row of a data set, checked only when its columns are read."""

    place: str
    """Such as "line 3 of 'pairs.jsonl'"."""
    value: Any
    """The row, or the text of its line in a JSONL file."""
    is_json_text: bool = False

    def columns(self) -> dict[str, Any]:
        """Return the columns; if this fails, the next row can still be read.

        Raises:
            BadInput: the row is not valid JSON, or not an object.
        """
        value = parse_json(self.value) if self.is_json_text else self.value
        if not isinstance(value, dict):
            raise BadInput(f"the row is not a JSON object: {value!r:.40}")
        return value


def read_rows(source: str) -> Iterator[SourceRow]:
    """Yield the rows of a file or of a hub data set.

    Args:
        source: a `.json`, `.jsonl` or `.parquet` file; or `hub:OWNER/NAME` or
            `hub:OWNER/NAME:CONFIGURATION` for the training rows of a hub data set, which are
            streamed.

    Raises:
        BadInput: the source does not exist, is empty, or is not in the format of its suffix.
    """
    if source.startswith("hub:"):
        name, _, configuration = source.removeprefix("hub:").partition(":")
        if not name.strip("/ "):
            raise BadInput(f"{source!r} names no data set; write hub:OWNER/NAME")
        rows = number_rows(hub_rows(name, configuration or None), f"data set {name!r}")
    else:
        rows = file_rows(expand_home(source))
    is_empty = True
    for row in rows:
        yield row
        is_empty = False
    if is_empty:
        raise BadInput(f"{source!r} holds no rows")


def number_rows(rows: Iterable[Any], name: str) -> Iterator[SourceRow]:
    """Yield rows with their numbers as places."""
    for number, row in enumerate(rows, 1):
        yield SourceRow(f"row {number} of {name}", row)


def file_rows(path: Path) -> Iterator[SourceRow]:
    """Return the rows of a file, whose suffix names the format."""
    if path.is_dir():
        raise BadInput(f"{str(path)!r} is a folder; give one of the files in it")
    if not path.is_file():
        raise BadInput(
            f"there is no file {str(path)!r} (for a data set of the hub write hub:OWNER/NAME)"
        )
    match path.suffix.lower():
        case ".parquet":
            return number_rows(parquet_rows(path), repr(str(path)))
        case ".jsonl":
            return jsonl_rows(path, read_text(path))
        case ".json":
            return json_rows(path, read_text(path))
    raise BadInput(
        f"{str(path)!r} is not a .json, .jsonl or .parquet file; unpack or convert it first"
    )


def jsonl_rows(path: Path, text: str) -> Iterator[SourceRow]:
    """Yield one row per line; empty lines are skipped."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield SourceRow(f"line {number} of {str(path)!r}", line, is_json_text=True)


def json_rows(path: Path, text: str) -> Iterator[SourceRow]:
    """Return the rows of a list, a single object, or lines; many published sets have lines."""
    try:
        rows = parse_json(text)
    except BadInput as error:
        with suppress(BadInput):
            if isinstance(parse_json(text.lstrip().partition("\n")[0]), dict):
                return jsonl_rows(path, text)
        raise BadInput(f"{str(path)!r}: {error}") from error
    if isinstance(rows, dict):
        rows = [rows]
    if not isinstance(rows, list):
        raise BadInput(f"{str(path)!r} must hold a list of objects, found {rows!r:.40}")
    return number_rows(rows, repr(str(path)))


def parse_json(text: str) -> Any:
    """Return the value of a JSON text.

    Raises:
        BadInput: the text is not JSON, or an object repeats a key (one value would be lost).
    """
    try:
        return json.loads(text, object_pairs_hook=reject_duplicate_keys)
    except BadInput:
        raise
    except (ValueError, RecursionError) as error:
        raise BadInput(f"invalid JSON: {error}") from error


def read_text(path: Path) -> str:
    """Return the text of a file in UTF-8, with or without a byte order mark."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(
            f"{str(path)!r} is not a text file in UTF-8 (byte {error.start} cannot be read)"
        ) from error
    except OSError as error:
        raise BadInput(f"{str(path)!r} cannot be read: {error.strerror}") from error


def parquet_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a parquet file, a batch at a time.

    `datasets` reads such files too, but treats their names as patterns: for data[1].parquet it
    would return the rows of data1.parquet.
    """
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches():
                yield from batch.to_pylist()
    except (ValueError, OSError, NotImplementedError) as error:  # a damaged file is a ValueError
        reason = str(error).strip().partition("\n")[0]
        raise BadInput(f"{str(path)!r} cannot be read: {reason}") from error


def hub_rows(name: str, configuration: str | None) -> Iterator[dict[str, Any]]:
    """Yield the training rows of a hub data set; nothing is kept on disk."""
    import datasets

    datasets.logging.set_verbosity(datasets.logging.CRITICAL)  # its exceptions say the same
    try:
        yield from datasets.load_dataset(name, configuration, split="train", streaming=True)
    except ValueError as error:  # no such configuration, no split `train`, a damaged file
        reason = str(error).strip().partition("\n")[0]
        raise BadInput(f"{name!r} cannot be read: {reason}") from error
    except OSError as error:
        raise BadInput(
            f"data set {name!r} cannot be reached on the hub; check the name and the network, "
            "or download it once and give its file"
        ) from error
