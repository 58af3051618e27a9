"""Listing folders and archives that students and their tools have made."""

import contextlib
import os
import shutil
import stat
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.collect.source import Caps, LostError, UnreadableError, listing, read_chunks
from autograder.errors import ConfigError


def listed(source, caps=None):
    with listing(source, caps or Caps()) as (entries, notes):
        return {entry.path: entry for entry in entries}, notes


def archive(path, members) -> Path:
    with zipfile.ZipFile(path, "w") as made:
        for name, content in members:
            made.writestr(name, content)
    return path


def test_a_folder_lists_files_and_leaves_out_clutter(tmp_path):
    for name in ["ana/losses (1).ipynb", "ana/.DS_Store", "__MACOSX/ana/._x", ".git/config"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / "ana/__pycache__").mkdir()
    entries, notes = listed(tmp_path)
    assert list(entries) == ["ana", "ana/losses (1).ipynb"]
    assert entries["ana"].is_folder
    assert b"".join(read_chunks(entries["ana/losses (1).ipynb"], 1)) == b"x"
    assert notes == []


def test_an_archive_lists_the_same_as_its_folder(tmp_path):
    names = ["ana/my work/losses.py", "ana/.hidden", "__MACOSX/ana/._losses.py", "ben/", "ben/a.py"]
    source = archive(tmp_path / "class.zip", [(name, b"x") for name in names])
    assert list(listed(source)[0]) == ["ana/my work/losses.py", "ben", "ben/a.py"]


def test_what_is_gone_before_it_is_read_is_nobodys_empty_hand_in(tmp_path):
    (tmp_path / "ana").mkdir()
    (tmp_path / "ana" / "losses.py").write_text("x")
    entries, _ = listed(tmp_path)
    shutil.rmtree(tmp_path / "ana")
    said = "ana/losses.py: expected SOURCE to stay as it is while it is read, got 'No such file"
    with pytest.raises(ConfigError, match=said):
        list(read_chunks(entries["ana/losses.py"], 1))


def test_a_folder_that_vanishes_while_it_is_listed_is_no_empty_hand_in(tmp_path, monkeypatch):
    for name in ("ana", "ben"):
        (tmp_path / name).mkdir()
    scandir = os.scandir

    def and_gone(folder):
        found = list(scandir(folder))
        (tmp_path / "ben").rmdir()
        return contextlib.nullcontext(found)

    monkeypatch.setattr(os, "scandir", and_gone)
    with pytest.raises(ConfigError, match="expected SOURCE to stay as it is while it is read"):
        listed(tmp_path)


def test_links_and_devices_are_named_and_not_followed(tmp_path):
    (tmp_path / "secret").write_text("secret")
    source = tmp_path / "source"
    (source / "ana").mkdir(parents=True)
    (source / "ana" / "losses.py").symlink_to(tmp_path / "secret")
    (source / "ben").symlink_to(tmp_path)
    os.mkfifo(source / "ana" / "pipe.py")
    entries, _ = listed(source)
    assert {path for path, entry in entries.items() if entry.refused} == {
        "ana/losses.py",
        "ana/pipe.py",
        "ben",
    }
    assert not any(entry.read for entry in entries.values())


@pytest.mark.parametrize("swapped", ["file", "folder"])
def test_a_link_swapped_in_after_listing_is_not_followed(tmp_path, swapped):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "losses.py").write_text("secret")
    folder = tmp_path / "source" / "ana"
    folder.mkdir(parents=True)
    (folder / "losses.py").write_text("mine")
    with listing(tmp_path / "source", Caps()) as (entries, _):
        (folder / "losses.py").unlink()
        if swapped == "file":
            (folder / "losses.py").symlink_to(tmp_path / "elsewhere" / "losses.py")
        else:
            folder.rmdir()
            folder.symlink_to(tmp_path / "elsewhere")
        with pytest.raises(UnreadableError):
            list(read_chunks(entries[-1], 100))


def test_a_pipe_swapped_in_after_listing_cannot_hang(tmp_path):
    path = tmp_path / "ana.py"
    path.write_text("mine")
    with listing(tmp_path, Caps()) as (entries, _):
        path.unlink()
        os.mkfifo(path)
        with pytest.raises(LostError, match="no longer a regular file"):
            list(read_chunks(entries[0], 100))


def test_a_file_that_grows_stops_at_the_limit(tmp_path):
    (tmp_path / "ana.py").write_bytes(b"x" * 10)
    with listing(tmp_path, Caps()) as (entries, _), pytest.raises(UnreadableError, match="it grew"):
        list(read_chunks(entries[0], 9))


def test_members_that_leave_the_archive_are_left_out(tmp_path):
    names = ["../evil.py", "/etc/passwd", "ana/../../evil.py", "C:\\evil.py", "ana\\losses.py"]
    entries, notes = listed(archive(tmp_path / "class.zip", [(name, b"") for name in names]))
    assert list(entries) == ["ana/losses.py"]
    assert len(notes) == 4
    assert notes[0] == "../evil.py: the name leaves the archive; left out."


def test_links_in_an_archive_are_refused(tmp_path):
    link = zipfile.ZipInfo("ana/losses.py")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    folder = zipfile.ZipInfo("ben")
    folder.external_attr = (stat.S_IFDIR | 0o755) << 16
    entries, _ = listed(archive(tmp_path / "class.zip", [(link, b"/etc/passwd"), (folder, b"")]))
    assert "a link" in entries["ana/losses.py"].refused
    assert entries["ben"].is_folder


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("ana/é.py".encode(), "ana/é.py"),  # UTF-8 that does not say so
        ("ana/e\u0301.py".encode(), "ana/é.py"),  # as macOS writes it
        ("ana/é.py".encode("cp437"), "ana/é.py"),  # an old code page
        ("ana/é.py".encode("latin-1"), "ana/Θ.py"),  # wrong, but distinct and readable
        (b"ana/\x1b[31m.py", "ana/\ufffd[31m.py"),
    ],
)
def test_names_in_any_encoding_survive(tmp_path, raw, shown):
    plain = zipfile.ZipInfo("ana/" + "x" * (len(raw) - 4))
    source = archive(tmp_path / "class.zip", [(plain, b"x")])
    source.write_bytes(source.read_bytes().replace(plain.filename.encode(), raw))
    entries, _ = listed(source)
    assert list(entries) == [shown]
    with listing(source, Caps()) as ([entry], _):
        assert b"".join(read_chunks(entry, 10)) == b"x"


def test_file_names_that_are_not_utf_8_survive(tmp_path):
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xe9.py")).write_text("x")
    with listing(tmp_path, Caps()) as ([entry], _):
        assert entry.path == "é.py"
        assert b"".join(read_chunks(entry, 10)) == b"x"


@pytest.mark.parametrize("where", ["missing.zip", "notes.txt", "cut.zip"])
def test_a_source_that_does_not_open_is_a_config_error(tmp_path, where):
    (tmp_path / "notes.txt").write_text("not a zip")
    whole = archive(tmp_path / "whole.zip", [("ana.py", b"x")]).read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ConfigError, match="expected a folder or a zip archive, got"):
        listed(tmp_path / where)


def test_a_source_with_too_many_entries_is_a_config_error(tmp_path):
    for number in range(4):
        (tmp_path / f"{number}.py").touch()
    with pytest.raises(ConfigError, match="expected at most 3 files and folders, got more"):
        listed(tmp_path, Caps(entries=3))


def test_folders_that_nest_too_deep_are_refused(tmp_path):
    deep = tmp_path.joinpath("ana", *["d"] * 40)
    deep.mkdir(parents=True)
    entries, _ = listed(tmp_path)
    assert ["too deep" in entry.refused for entry in entries.values()].count(True) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="takes on another user's rights")
def test_a_folder_that_may_not_be_read_is_refused():
    with tempfile.TemporaryDirectory() as name:
        source = Path(name)
        source.chmod(0o755)
        (source / "ana").mkdir(mode=0o700)
        os.seteuid(65534)
        try:
            entries, _ = listed(source)
            with pytest.raises(
                ConfigError, match="expected a folder to read, got Permission denied"
            ):
                listed(source / "ana")
        finally:
            os.seteuid(0)
        assert entries["ana"].refused == "Permission denied"
        assert entries["ana"].is_lost


@pytest.mark.parametrize("damage", ["content", "method", "encrypted"])
def test_a_damaged_member_is_unreadable_and_the_others_are_not(tmp_path, damage):
    source = archive(tmp_path / "class.zip", [("ana.py", b"one"), ("ben.py", b"two")])
    data = bytearray(source.read_bytes())
    directory = data.index(b"PK\x01\x02")
    if damage == "content":
        data[data.index(b"one")] ^= 1
    elif damage == "method":
        data[8] = data[directory + 10] = 97
    else:
        data[6] |= 1
        data[directory + 8] |= 1
    source.write_bytes(data)
    with listing(source, Caps()) as ([ana, ben], _):
        with pytest.raises(UnreadableError) as caught:
            list(read_chunks(ana, 100))
        assert not isinstance(caught.value, LostError)
        assert b"".join(read_chunks(ben, 100)) == b"two"


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_stream_is_the_files_own_fault(tmp_path, method):
    source = tmp_path / "class.zip"
    with zipfile.ZipFile(source, "w", method) as made:
        made.writestr("ana.py", b"def softmax(x): pass\n" * 50)
    data = bytearray(source.read_bytes())
    data[data.index(b"ana.py") + 30] ^= 0x55
    source.write_bytes(data)
    with listing(source, Caps()) as ([ana], _):
        with pytest.raises(UnreadableError) as caught:
            list(read_chunks(ana, 10_000))
        assert not isinstance(caught.value, LostError)


@settings(derandomize=True, database=None, deadline=None, max_examples=200)
@given(st.data())
def test_a_mutated_archive_lists_or_is_refused(data):
    with tempfile.TemporaryDirectory() as name:
        source = archive(Path(name) / "class.zip", [("ana/a.py", b"one"), ("ben.zip", b"two")])
        content = bytearray(source.read_bytes())
        for _ in range(data.draw(st.integers(1, 8))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        source.write_bytes(content)
        try:
            with listing(source, Caps()) as (entries, _):
                for entry in entries:
                    assert ".." not in entry.parts
                    try:
                        list(read_chunks(entry, 100) if entry.read else ())
                    except UnreadableError:
                        continue
        except ConfigError:
            return
