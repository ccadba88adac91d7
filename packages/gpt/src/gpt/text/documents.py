"""A corpus is a list of documents: reading them, and setting some aside for validation.

A model is evaluated on text that it has not seen, so whole documents are set aside. Splitting
shuffled lines instead could put one half of a paragraph on each side.
"""

import hashlib
import json
import random
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from gpt.errors import BadInput
from gpt.files import expand_home, reject_duplicate_keys
from gpt.text.corpus import python_documentation
from gpt.text.folder_files import text_files

END_OF_TEXT = "<|endoftext|>"  # between documents, in files and in token streams (GPT-2's spelling)


class DocumentSplit(NamedTuple):
    """Documents to train on, and documents held out for validation."""

    train: list[str]
    validation: list[str]


def load_documents(source: str, max_characters: int, notes: list[str] | None = None) -> list[str]:
    """Load the documents of a source, up to `max_characters` in total.

    Args:
        source: `python` for Python's own documentation; a text file; a folder of text files;
            `hub:owner/name` or `hub:owner/name:configuration` for a data set of the Hugging Face
            hub with a column `text`, which is streamed.
        max_characters: limit at which a source larger than memory is cut off.
        notes: a list that receives sentences about what was left out.

    Raises:
        BadInput: the source does not exist, is empty or is not text, or the hub cannot be reached.
    """
    notes = [] if notes is None else notes
    with closing(source_documents(source, notes)) as documents:
        kept = list(first_characters(documents, max_characters, notes))
    if not kept:
        raise BadInput(f"{source!r} holds no text")
    return kept


def source_documents(source: str, notes: list[str]) -> Generator[str]:
    """Yield all documents of a source.

    Python's documentation may repeat a topic; recorded runs were trained on it that way.
    """
    if source in ("", "hub:"):
        raise BadInput(
            f"{source!r} names no text; give a text file, a folder, or a data set as hub:OWNER/NAME"
        )
    if source == "python":
        yield from python_documentation()
    elif source.startswith("hub:"):
        yield from drop_duplicates(hub_documents(source.removeprefix("hub:")), notes)
    else:
        yield from drop_duplicates(path_documents(expand_home(source), notes), notes)


def drop_duplicates(documents: Iterable[str], notes: list[str]) -> Generator[str]:
    """Yield every document once; otherwise a copy of a held-out document could be trained on.

    Blank documents are skipped. The number of duplicates is added to `notes` at the end, or when a
    caller that has read enough closes the generator.
    """
    seen, n_duplicates = set(), 0
    try:
        for document in filter(str.strip, documents):
            if document in seen:
                n_duplicates += 1
            else:
                seen.add(document)
                yield document
    finally:
        if n_duplicates:
            notes.append(f"{n_duplicates} duplicate documents are dropped")


def first_characters(
    documents: Iterable[str], limit: int, notes: list[str] | None = None
) -> Iterator[str]:
    """Yield documents up to `limit` characters in total; the last document is cut off."""
    remaining = limit
    for document in documents:
        if len(document) > remaining and notes is not None:
            notes.append(f"the text is cut off after {limit:,} characters (--max-characters)")
        if remaining > 0:
            yield document[:remaining]
        remaining -= len(document)
        if remaining < 0:
            return


def path_documents(path: Path, notes: list[str]) -> Iterator[str]:
    """Yield the documents of one file, or of all text files in a folder in the order of paths."""
    if path.is_file():
        yield from file_documents(path)
    elif path.is_dir():
        for file in text_files(path, notes):
            yield from file_documents(file)
    else:
        raise BadInput(
            f"there is no file or folder {str(path)!r} (a data set of the hub is hub:OWNER/NAME)"
        )


def file_documents(path: Path) -> list[str]:
    """Read the `text` of each row of a `.jsonl` file, or split another file at END_OF_TEXT."""
    suffix = path.suffix.lower()
    if suffix == ".json":
        raise BadInput(
            f"{str(path)!r} is JSON, not text; give a .jsonl file with one object per line and its "
            'text in "text", or rename the file to .txt to train on the JSON itself'
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(
            f"{str(path)!r} is not a text file in UTF-8 (byte {error.start} cannot be decoded)"
        ) from error
    if "\0" in text:
        raise BadInput(f"{str(path)!r} is not a text file (it holds zero bytes)")
    if suffix != ".jsonl":
        return text.split(END_OF_TEXT)
    return [jsonl_text(path, n, line) for n, line in enumerate(text.split("\n"), 1) if line.strip()]


def jsonl_text(path: Path, number: int, line: str) -> str:
    """Return the `text` of one row; errors name the file and the line number."""
    try:
        text = json.loads(line, object_pairs_hook=reject_duplicate_keys)["text"]
        text.encode("utf-8")  # a row may escape half of a surrogate pair
    except BadInput as error:
        raise BadInput(f"line {number} of {str(path)!r}: {error}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(
            f'line {number} of {str(path)!r}: the row is not an object with a "text" that UTF-8 '
            "can encode"
        ) from error
    return text


def hub_documents(name: str) -> Iterator[str]:
    """Stream the column `text` of the training split of a hub data set."""
    try:
        import datasets
    except ImportError as error:
        raise BadInput(
            "data sets of the hub need the extra hub; in a clone: "
            "uv pip install -e 'packages/gpt[hub]'"
        ) from error
    name, _, configuration = name.partition(":")
    try:
        rows = datasets.load_dataset(name, configuration or None, split="train", streaming=True)
        for row in rows:
            if not isinstance(row.get("text"), str):
                raise BadInput(
                    f"data set {name!r} has a row without a text in the column 'text'; "
                    f"its columns are {sorted(row)}"
                )
            yield row["text"]
    except BadInput:
        raise
    except ValueError as error:  # no such configuration, or no split called train
        raise BadInput(f"data set {name!r}: {str(error).splitlines()[0]}") from error
    except OSError as error:
        raise BadInput(
            f"data set {name!r} cannot be reached on the hub; check the name and the network, "
            "or download it once and give the folder with --data FOLDER"
        ) from error


def split_documents(documents: list[str], share: float, seed: int) -> DocumentSplit:
    """Set aside whole documents with about `share` of the characters, chosen by `seed`.

    A document larger than the entire share stays in training. If that fills less than half of the
    share, as in a corpus of one book, the end of the longest document is set aside instead.
    """
    target = share * sum(map(len, documents))
    remaining, validation = target, set()
    for index in random.Random(seed).sample(range(len(documents)), len(documents)):
        if len(documents[index]) <= remaining:
            validation.add(index)
            remaining -= len(documents[index])
    if remaining > target / 2:
        return split_longest(documents, int(target))
    return DocumentSplit(
        train=[text for index, text in enumerate(documents) if index not in validation],
        validation=[documents[index] for index in sorted(validation)],
    )


def split_longest(documents: list[str], size: int) -> DocumentSplit:
    """Set aside the last `size` characters of the longest document.

    If a newline is near, the document is cut after it, and slightly fewer are set aside.
    """
    longest = max(range(len(documents)), key=lambda index: len(documents[index]))
    text = documents[longest]
    size = min(size, len(text) // 2)
    start = len(text) - size
    cut = text.find("\n", start, start + size // 2) + 1 or start
    if not text[cut:].strip():
        return DocumentSplit(train=documents, validation=[])
    train = [*documents[:longest], text[:cut], *documents[longest + 1 :]]
    return DocumentSplit(train=train, validation=[text[cut:]])


def documents_sha256(documents: list[str]) -> str:
    """SHA-256 of the documents and their boundaries, which identifies the text of a run."""
    sizes = " ".join(str(len(text)) for text in documents)
    return hashlib.sha256(
        "\0".join([sizes, *documents]).encode("utf-8", "surrogatepass")
    ).hexdigest()
