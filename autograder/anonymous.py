"""Short ids that stand for students where their own must not be seen.

They are keyed: without the key in OUT/private, nobody can try all ids of a school. The same OUT
gives the same student the same alias for ever.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import tempfile
from collections import Counter
from contextlib import suppress
from pathlib import Path

from autograder.errors import ConfigError
from autograder.report.store import Store

KEY_NAME = "alias.key"  # in OUT/private

_LETTERS = 8  # 40 bits: among 1,000 students, two are alike once in two million courses
_KEY_BYTES = 32


def aliases(store: Store) -> dict[str, str]:
    """Return the alias of every student in OUT, by student id: "s" and letters or digits, unique.

    Raises:
        ConfigError: If the key is damaged: other aliases would follow from another key.
        GraderError: If the key cannot be written.
    """
    key = _key(store)
    names = {student_id: _name(key, student_id) for student_id in store.students()}
    length = _LETTERS
    while len({name[:length] for name in names.values()}) < len(names):
        length += 1  # only those who are alike get more letters
    counts = [Counter(name[:short] for name in names.values()) for short in range(length + 1)]
    return {
        student_id: "s" + name[: _shortest(name, counts, length)]
        for student_id, name in names.items()
    }


def _shortest(name: str, counts: list[Counter[str]], length: int) -> int:
    fits = (short for short in range(_LETTERS, length + 1) if counts[short][name[:short]] == 1)
    return next(fits)


def _name(key: bytes, student_id: str) -> str:
    digest = hmac.new(key, student_id.encode(), hashlib.sha256).digest()
    return base64.b32encode(digest).decode().lower().rstrip("=")


def _key(store: Store) -> bytes:
    """Return the key, made once; two processes that make it at once end with the same one."""
    path = store.out / "private" / KEY_NAME
    if not path.exists():
        _make_key(path)
    text = path.read_text(encoding="ascii", errors="replace").strip()
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise ConfigError(
            f"{path}: expected {2 * _KEY_BYTES} hexadecimal digits, got something else. Restore it"
            " from a backup, or delete it: then everybody gets another alias."
        )
    return key


def _make_key(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    opened, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        os.write(opened, f"{secrets.token_hex(_KEY_BYTES)}\n".encode())
        os.fsync(opened)
        with suppress(FileExistsError):
            os.link(temporary, path)  # unlike a rename, it never replaces another's key
    finally:
        os.close(opened)
        Path(temporary).unlink()
