"""Zips: the same bytes for the same files, and never half a file."""

import io
import stat
import zipfile

import pytest

from autograder import archive
from autograder.errors import ConfigError

FILES = {"b/run.sh": b"#!/bin/sh\n", "a.py": b"x = 1\n", "b/\u00e9.txt": b""}


def test_the_same_files_give_the_same_bytes_in_any_order():
    turned = dict(reversed(FILES.items()))
    assert archive.zip_bytes(FILES) == archive.zip_bytes(turned)


def test_it_holds_the_files_and_nothing_that_tells_of_the_machine():
    with zipfile.ZipFile(io.BytesIO(archive.zip_bytes(FILES, executable=["b/run.sh"]))) as made:
        assert {name: made.read(name) for name in made.namelist()} == FILES
        assert made.namelist() == sorted(FILES)
        assert made.comment == b""
        for info in made.infolist():
            assert info.date_time == (1980, 1, 1, 0, 0, 0)
            assert info.create_system == 3
            mode = info.external_attr >> 16
            assert stat.S_ISREG(mode)
            assert stat.S_IMODE(mode) == (0o755 if info.filename == "b/run.sh" else 0o644)
            assert not info.extra


def test_a_file_is_written_with_its_folder(tmp_path):
    archive.write(tmp_path / "new" / "a.zip", b"x")
    assert (tmp_path / "new" / "a.zip").read_bytes() == b"x"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.zip"]


def test_what_cannot_be_written_is_named_and_leaves_nothing(tmp_path):
    (tmp_path / "a.zip").mkdir()
    with pytest.raises(
        ConfigError, match=r"a\.zip: expected room and leave to write, got .*\. Name another: -o\.$"
    ):
        archive.write(tmp_path / "a.zip", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]
