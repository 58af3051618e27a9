"""Aliases: stable, unique, keyed, and of no use without the key."""

import re
import stat
import threading
from datetime import UTC, datetime

import pytest

from autograder import anonymous
from autograder.errors import ConfigError
from autograder.models import Attempt, Submission
from autograder.report.store import Store


def store_of(out, *ids) -> Store:
    store = Store(out)
    attempt = Attempt(files=(), sha256="a" * 64, submitted_at=datetime(2026, 2, 9, tzinfo=UTC))
    with store.lock():
        store.record_attempts(
            Submission(student_id=one, assignment="tp1", attempts=(attempt,)) for one in ids
        )
    return store


def test_aliases_are_short_unique_and_stable(tmp_path):
    ids = [f"student-{number}" for number in range(1000)]
    store = store_of(tmp_path / "out", *ids)
    made = anonymous.aliases(store)
    assert list(made) == sorted(ids)
    assert len(set(made.values())) == 1000
    assert all(re.fullmatch("s[a-z2-7]{8}", alias) for alias in made.values())
    assert anonymous.aliases(store) == made
    assert anonymous.aliases(store_of(tmp_path / "out", "zoe")).items() > made.items()


def test_another_out_gives_other_aliases(tmp_path):
    one = anonymous.aliases(store_of(tmp_path / "one", "ana", "ben"))
    other = anonymous.aliases(store_of(tmp_path / "other", "ana", "ben"))
    assert not set(one.values()) & set(other.values())


def test_the_key_is_its_owners_alone_and_made_once(tmp_path):
    store = store_of(tmp_path / "out", "ana")
    seen = []
    threads = [
        threading.Thread(target=lambda: seen.append(anonymous.aliases(store)["ana"]))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 8
    assert len(set(seen)) == 1
    path = store.out / "private" / "alias.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["alias.key"]


def test_students_who_would_be_alike_get_more_letters_and_the_others_keep_theirs(
    tmp_path, monkeypatch
):
    names = {"ana": "aaaaaaaabz", "ben": "aaaaaaaacz", "cem": "ccccccccdz"}
    monkeypatch.setattr(anonymous, "_name", lambda _, student_id: names[student_id])
    assert anonymous.aliases(store_of(tmp_path / "out", *names)) == {
        "ana": "saaaaaaaab", "ben": "saaaaaaaac", "cem": "scccccccc",
    }  # fmt: skip


@pytest.mark.parametrize("damage", [b"", b"xyz", b"ab" * 31, b"\xff" * 64])
def test_a_damaged_key_is_never_replaced_silently(tmp_path, damage):
    store = store_of(tmp_path / "out", "ana")
    anonymous.aliases(store)
    path = store.out / "private" / "alias.key"
    path.write_bytes(damage)
    with pytest.raises(ConfigError, match="alias.key: expected 64 hexadecimal digits, got some"):
        anonymous.aliases(store)
    assert path.read_bytes() == damage


def test_nobody_has_no_alias(tmp_path):
    assert anonymous.aliases(Store(tmp_path / "out")) == {}
