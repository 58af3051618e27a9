"""What was handed in, unpacked within caps."""

import io
import stat
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.worker.archives import Caps, _refusal, clean, unpack


def packed(*members, compression=zipfile.ZIP_DEFLATED):
    """Return the bytes of a zip; a member is (name or ZipInfo, content)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


def names(files):
    return [file.name for file in files]


def linked(name, mode):
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


def test_plain_files_stay_as_they_are():
    files, problems = unpack([("losses.py", b"x = 1"), ("data/x.csv", b"1,2")])
    assert names(files) == ["losses.py", "data/x.csv"]
    assert files[0].data == b"x = 1"
    assert problems == []


def test_members_carry_the_name_of_their_archive_and_their_date():
    info = zipfile.ZipInfo("my work/losses.py", date_time=(2024, 2, 9, 18, 30, 0))
    files, _ = unpack([("work.zip", packed((info, "x = 1")))])
    assert names(files) == ["work.zip/my work/losses.py"]
    assert files[0].date == (2024, 2, 9, 18, 30, 0)


def test_a_zip_in_a_zip_is_opened_and_a_third_is_not():
    inner = packed(("a.py", "x = 1"))
    files, problems = unpack([("o.zip", packed(("i.zip", inner)))])
    assert names(files) == ["o.zip/i.zip/a.py"]
    assert problems == []
    files, problems = unpack([("o.zip", packed(("m.zip", packed(("i.zip", inner)))))])
    assert files == []
    assert problems == [
        "o.zip/m.zip/i.zip: expected at most 2 zips inside each other, got more. Hand in one zip."
    ]


def test_what_systems_and_editors_leave_behind_is_ignored():
    litter = ["__MACOSX/._a.py", ".ipynb_checkpoints/a.ipynb", "__pycache__/a.pyc", ".a.py", "v/"]
    files, problems = unpack([("w.zip", packed(*((name, "x") for name in litter)))])
    assert files == []
    assert problems == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("../a.py", 'got ".."'),
        ("x/../../a.py", 'got ".."'),
        ("/etc/a.py", "plain relative name"),
        ("C:/a.py", "plain relative name"),
        ("x\\a.py", "plain relative name"),
        (linked("a.py", stat.S_IFLNK | 0o777), "a link or a device"),
        (linked("a.py", stat.S_IFCHR), "a link or a device"),
        (linked("a.py", stat.S_IFIFO), "a link or a device"),
    ],
)
def test_names_that_lead_elsewhere_and_special_files_are_refused(name, said):
    files, problems = unpack([("w.zip", packed((name, "x = 1"), ("b.py", "y = 2")))])
    assert names(files) == ["w.zip/b.py"]
    assert len(problems) == 1
    assert said in problems[0]


@pytest.mark.parametrize("name", [b"a\0b.py", b"\0Xb.py"], ids=["inside", "first"])
def test_a_name_with_nul_is_refused(name):
    data = packed(("aXb.py", "x = 1")).replace(b"aXb.py", name)
    files, problems = unpack([("w.zip", data)])
    assert files == []
    assert "plain relative name" in problems[0]


def test_a_broken_zip_is_a_problem():
    data = packed(("a.py", "x = 1"))
    for broken in (b"", b"PK\x03\x04", data[:-30], b"not a zip"):
        files, problems = unpack([("w.zip", broken)])
        assert files == []
        assert len(problems) == 1
        assert problems[0].startswith("w.zip: expected an intact zip, got a broken one (")


def test_a_damaged_member_is_a_problem_and_the_others_live():
    data = packed(("a.py", "x = 1"), ("b.py", "y = 2"), compression=zipfile.ZIP_STORED)
    files, problems = unpack([("w.zip", data.replace(b"x = 1", b"x = 9"))])
    assert names(files) == ["w.zip/b.py"]
    assert "w.zip/a.py: expected an intact zip, got a broken one (Bad CRC-32" in problems[0]


def test_an_encrypted_member_is_a_problem():
    data = bytearray(packed(("a.py", "x = 1")))
    data[data.index(b"PK\x01\x02") + 8] |= 1  # the flag in the directory
    data[6] |= 1  # and in the member's own header
    files, problems = unpack([("w.zip", bytes(data))])
    assert files == []
    assert problems == [
        "w.zip/a.py: expected a readable file, got an encrypted one. Pack it without password."
    ]


def test_another_kind_of_archive_is_a_problem():
    _, problems = unpack([("work.rar", b"Rar!")])
    assert problems == [
        "work.rar: expected .py, .ipynb or .zip, got .rar. Hand in the files themselves, or a zip."
    ]


def test_a_bomb_is_refused_by_what_it_declares():
    bomb = packed(("a.py", b"\0" * (3 << 20)))
    _, problems = unpack([("w.zip", bomb)])
    assert "expected a file that packs at most 500 times" in problems[0]


def test_a_large_notebook_is_told_to_lose_its_outputs():
    caps = Caps(source_bytes=1 << 20)
    _, problems = unpack([("w.zip", packed(("a.ipynb", b"ab" * (1 << 20))))], caps)
    assert len(problems) == 1
    assert problems[0].startswith("w.zip/a.ipynb: expected at most 1 MiB, got 2 MiB. Clear the")


def test_a_size_that_lies_is_bounded_all_the_same():
    data = packed(("a.py", b"x" * 100), compression=zipfile.ZIP_STORED)
    files, problems = unpack([("w.zip", data)], Caps(source_bytes=1 << 20, total_bytes=50))
    assert files == []
    assert "expected at most 1000 files and 0 MiB in all, got more" in problems[0]


def test_the_number_of_files_is_bounded():
    many = packed(*((f"{number}.py", "") for number in range(5)))
    files, problems = unpack([("w.zip", many)], Caps(members=3))
    assert len(files) == 3
    assert "expected at most 3 files" in problems[0]


def test_large_data_files_are_left_out():
    large = b"x" * 2000
    caps = Caps(data_bytes=1000)
    files, problems = unpack([("x.csv", large), ("w.zip", packed(("y.csv", large)))], caps)
    assert files == []
    assert problems == []


def test_names_are_in_one_form_and_can_be_written_anywhere():
    assert clean("e\u0301te\u0301.py") == "\u00e9t\u00e9.py"
    assert clean("a\udcff.py") == "a?.py"


@settings(derandomize=True, database=None, deadline=None, max_examples=150)
@given(st.data())
def test_a_zip_with_any_bytes_changed_never_raises(data):
    original = bytearray(packed(("a.py", "x = 1\n" * 20), ("b/c.ipynb", "{}"), ("d.zip", packed())))
    for _ in range(data.draw(st.integers(1, 6))):
        original[data.draw(st.integers(0, len(original) - 1))] = data.draw(st.integers(0, 255))
    files, problems = unpack([("w.zip", bytes(original))])
    assert all(isinstance(problem, str) for problem in problems)
    assert all(file.name.startswith("w.zip/") for file in files)


@pytest.mark.parametrize("name", [".DS_Store", "__pycache__/a.py", "node_modules/a.py"])
def test_clutter_that_is_handed_in_by_itself_is_passed_over(name):
    assert unpack([(name, b"x = 1")]) == ([], [])


def test_a_member_without_a_name_is_refused():
    info = zipfile.ZipInfo("b.py")
    info.orig_filename = ""
    assert "plain relative name" in _refusal(info)
