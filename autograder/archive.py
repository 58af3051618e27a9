"""Zips that are the same bytes for the same files, written whole or not at all."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

from autograder.errors import ConfigError

_DATE = (1980, 1, 1, 0, 0, 0)  # the first one that a zip can hold


def zip_bytes(files: Mapping[str, bytes], *, executable: Collection[str] = ()) -> bytes:
    """Return a zip of some files, sorted by name, without times, owners or comments.

    Args:
        files: Contents by name, "losses/losses.py".
        executable: The names of those that are programs.
    """
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, _DATE)
            info.create_system = 3  # Unix, wherever this runs: the modes below are Unix's
            info.external_attr = (0o100755 if name in executable else 0o100644) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, files[name])
    return made.getvalue()


def write(path: Path, data: bytes) -> None:
    """Write a file so that whoever reads it finds the old bytes or the new, never a part.

    Raises:
        ConfigError: If the disk is full or the folder not writable; the old file is still there.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as fault:
        with suppress(OSError):
            temporary.unlink()
        raise ConfigError(
            f"{path}: expected room and leave to write, got {fault.strerror!r}. Name another: -o."
        ) from None
