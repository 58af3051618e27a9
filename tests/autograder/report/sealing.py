"""Edit a file of OUT and seal it again: what a faulty program of ours could have written."""

import json
from collections.abc import Callable
from pathlib import Path

from autograder.report.json import Document, dump, sealed


def rewrite(path: Path, change: Callable[[str], str]) -> None:
    """Change the text of a file; its seal is that of the new text."""
    put(path, json.loads(change(path.read_text(encoding="utf-8"))))


def put(path: Path, document: Document) -> None:
    """Write a document with its seal."""
    path.write_bytes(dump(sealed({key: document[key] for key in document if key != "sha256"})))
