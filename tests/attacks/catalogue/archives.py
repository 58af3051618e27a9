"""Archives: members that leave, links, devices, bombs, names twice, passwords."""

import io
import os
import stat
import warnings
import zipfile

from tests.attacks.record import BANNER, BLANK, Attack, Files, honest

RIGHT = f'print("{BANNER}")\ndef scale(x, factor): return x * factor\n'.encode()
EVIL = b"raise SystemExit('unpacked')\n"


def packed(
    *members: tuple[str | zipfile.ZipInfo, bytes], pack: int = zipfile.ZIP_DEFLATED
) -> bytes:
    """Return a zip archive."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", pack) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # two members of one name are meant
        for name, content in members:
            archive.writestr(name, content)
    return data.getvalue()


def _work(*members: tuple[str | zipfile.ZipInfo, bytes]) -> Files:
    """Return a submission of one archive: right work, and these members."""
    return {"work.zip": packed(("small.py", RIGHT), *members)}


def _special(name: str, kind: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (kind | 0o777) << 16
    return info


def _bomb() -> Files:
    return _work(("bomb.py", b"#" * (60 << 20)), ("bomb.csv", bytes(200 << 20)))


def _nested() -> Files:
    inner = packed(("small.py", EVIL))
    for level in range(8):
        inner = packed((f"level{level}.zip", inner))
    return _work(("nested.zip", inner))


def _many() -> Files:
    return _work(*((f"part{number}.py", b"x = 1\n") for number in range(1200)))


def _overlapping() -> Files:
    """Return an archive whose thousand entries all mean the same bytes."""
    data = packed(("small.py", RIGHT), ("evil.py", b"#" * (1 << 20)))
    end = data.rindex(b"PK\x05\x06")
    start = int.from_bytes(data[end + 16 : end + 20], "little")
    first = data.index(b"PK\x01\x02", start + 4)
    entry = data[first:end]
    directory = data[start:end] + entry * 998
    tail = bytearray(data[end:])
    tail[8:12] = (1000).to_bytes(2, "little") * 2
    tail[12:16] = len(directory).to_bytes(4, "little")
    return {"work.zip": data[:start] + directory + bytes(tail)}


def _encrypted() -> Files:
    data = bytearray(packed(("small.py", RIGHT), pack=zipfile.ZIP_STORED))
    data[6] |= 1  # the flag of a password, in both headers
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return {"work.zip": bytes(data)}


def _wrong_size() -> Files:
    data = bytearray(_bomb()["work.zip"])
    at = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 4)
    data[at + 24 : at + 28] = (100).to_bytes(4, "little")
    return {"work.zip": bytes(data)}


def _links(place, folder) -> None:
    (place / "small.py").write_bytes(RIGHT)
    (place / "tests.py").symlink_to(folder / "course" / "tests" / "hidden" / "test_small.py")
    (place / "passwd").symlink_to("/etc/passwd")
    (place / "everything").symlink_to("/")
    (place / "loop").symlink_to(".")


def _pipe(place, folder) -> None:
    del folder
    (place / "small.py").write_bytes(RIGHT)
    os.mkfifo(place / "helper.py")
    (place / "helper.py").chmod(0o666)


ATTACKS = (
    Attack(
        name="zip-slip",
        tries="names members so that unpacking writes outside of the folder",
        files=lambda: _work(
            ("../../../../slipped.py", EVIL), ("a/../../slipped.py", EVIL), ("/slipped.py", EVIL)
        ),
        ends={"scale": honest()},
        problem="expected a name inside the archive",
        undefended="unpacks outside",
    ),
    Attack(
        name="zip-windows",
        tries="names members with backslashes and drive letters",
        files=lambda: _work(("..\\..\\slipped.py", EVIL), ("C:/slipped.py", EVIL)),
        ends={"scale": honest()},
        problem="expected a plain relative name",
    ),
    Attack(
        name="zip-links",
        tries="packs a link to the hidden tests, and writes through a link to a folder",
        files=lambda: _work(
            (_special("tests.py", stat.S_IFLNK), b"/etc/passwd"),
            (_special("out", stat.S_IFLNK), b"/tmp"),
            ("out/slipped.py", EVIL),
        ),
        ends={"scale": honest()},
        problem="got a link or a device",
        undefended="links",
    ),
    Attack(
        name="zip-devices",
        tries="packs devices and pipes",
        files=lambda: _work(
            (_special("null.py", stat.S_IFCHR), b""), (_special("pipe.py", stat.S_IFIFO), b"")
        ),
        ends={"scale": honest()},
        problem="got a link or a device",
    ),
    Attack(
        name="zip-bomb",
        tries="packs 260 MiB into a quarter of a megabyte",
        files=_bomb,
        ends={"scale": honest()},
        problem="packs at most",
        undefended="unpacks a bomb",
    ),
    Attack(
        name="zip-bomb-that-lies",
        tries="packs a bomb and declares a hundred bytes",
        files=_wrong_size,
        ends={"scale": honest()},
    ),
    Attack(
        name="zip-in-zip",
        tries="packs archives into archives, nine levels deep",
        files=_nested,
        ends={"scale": honest()},
        problem="zips inside each other",
    ),
    Attack(
        name="zip-many",
        tries="packs more members than anybody hands in",
        files=_many,
        ends={"scale": honest()},
        problem="expected at most 1000 files",
    ),
    Attack(
        name="zip-overlapping",
        tries="packs a megabyte once, and a thousand entries that mean it",
        files=_overlapping,
        ends={"scale": honest()},
        undefended="unpacks a bomb",
    ),
    Attack(
        name="zip-twice",
        tries="packs two members of one name, for readers that differ in which counts",
        files=lambda: _work(("small.py", EVIL + RIGHT)),
        ends={"scale": honest()},
    ),
    Attack(
        name="zip-password",
        tries="packs with a password",
        files=_encrypted,
        status="unreadable",
        problem="encrypted",
        undefended="unreadable",
    ),
    Attack(
        name="zip-names",
        tries="names members with NUL, escapes, direction marks, and four hundred folders",
        files=lambda: _work(
            ("a\x1b[31mb\u202e.py", b"x = 1\n"), ("d/" * 400 + "x.py", b"x = 1\n"), ("\n.py", b"")
        ),
        ends={"scale": honest()},
    ),
    Attack(
        name="zip-cut-short",
        tries="hands in half an archive",
        files=lambda: {"work.zip": packed(("small.py", RIGHT * 50))[:100]},
        status="unreadable",
        problem="cut short",
        undefended="unreadable",
    ),
    Attack(
        name="not-a-zip",
        tries="calls a tar archive and a pickle what they are not",
        files={"work.zip": b"ustar\0" * 100, "small.py": b"\x80\x04cos\nsystem\n."},
        status="unreadable",
        undefended="unreadable",
    ),
    Attack(
        name="links-in-the-folder",
        tries="hands in links to the hidden tests, to files of the system and to everything",
        place=_links,
        ends={"scale": honest()},
        undefended="links",
    ),
    Attack(
        name="pipe-in-the-folder",
        tries="hands in a pipe, which hangs whoever opens it",
        place=_pipe,
        ends={"scale": honest()},
        undefended="hangs",
    ),
    Attack(
        name="empty-folder",
        tries="hands in an empty folder",
        status="not_submitted",
        ends={"scale": BLANK},
    ),
)
