"""Git checkouts, hostile ones included: nothing in them is run, and their configuration unread."""

import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from autograder.collect import git
from autograder.collect.git import account, committed_at
from autograder.models import Account

WHEN = datetime(2026, 2, 9, 17, 20, tzinfo=UTC)
pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


def run(folder, *arguments, **environment):
    return subprocess.run(
        ["git", "-C", str(folder), *arguments],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_DATE": "2026-02-01T00:00:00Z",
            "GIT_COMMITTER_DATE": "2026-02-09T18:20:00+01:00",
            "GIT_AUTHOR_NAME": "A",
            "GIT_AUTHOR_EMAIL": "a@x.org",
            "GIT_COMMITTER_NAME": "C> 1 +0000",
            "GIT_COMMITTER_EMAIL": "c@x.org",
            **environment,
        },
        check=False,
        capture_output=True,
    )


def checkout(folder, *options, message="work\n\ncommitter x <y> 0 +0000") -> Path:
    folder.mkdir(parents=True)
    assert run(folder, "init", "-q", "-b", "main", *options).returncode == 0
    (folder / "losses.py").write_text("x = 1\n")
    run(folder, "add", "losses.py")
    assert run(folder, "commit", "-q", "-m", message).returncode == 0
    return folder


@pytest.mark.parametrize("how", ["loose", "packed", "detached", "sha256", "worktree-link"])
def test_the_committer_s_time_is_read(tmp_path, how):
    options = ["--object-format=sha256"] if how == "sha256" else []
    made = checkout(tmp_path / "ana", *options)
    if how == "packed":
        run(made, "gc", "-q")
        assert not (made / ".git/refs/heads/main").exists()
    if how == "detached":
        run(made, "checkout", "-q", "--detach")
    if how == "worktree-link":
        (tmp_path / "moved").mkdir()
        (made / ".git").rename(tmp_path / "moved" / ".git")
        (made / ".git").symlink_to(tmp_path / "moved" / ".git")
    expected = None if how == "worktree-link" else WHEN
    assert committed_at(made) == expected


@pytest.fixture
def hostile(tmp_path):
    """Return a checkout in whose configuration every known way to run a program is set."""
    made = checkout(tmp_path / "ana")
    canary = tmp_path / "canary"
    evil = tmp_path / "evil"
    evil.write_text(f"#!/bin/sh\necho $0 $@ >> {canary}\nexit 0\n")
    evil.chmod(0o755)
    (tmp_path / "more").write_text(f"[core]\n\tfsmonitor = {evil}\n")
    run(made, "commit", "-q", "--allow-empty", "-m", "signed")  # a signature makes gpg run
    head = run(made, "cat-file", "commit", "HEAD").stdout.decode()
    signed = head.replace("\n\n", "\ngpgsig -----BEGIN PGP SIGNATURE-----\n x\n\n", 1)
    (tmp_path / "commit").write_text(signed)
    sha = run(made, "hash-object", "-t", "commit", "-w", str(tmp_path / "commit")).stdout
    run(made, "update-ref", "refs/heads/main", sha.decode().strip())
    hooks = made / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("post-checkout", "post-index-change", "reference-transaction", "pre-auto-gc"):
        shutil.copy(evil, hooks / name)
    with (made / ".git" / "config").open("a") as config:
        config.write(f"""
[core]
\tfsmonitor = {evil}
\thooksPath = {hooks}
\tpager = {evil}
\teditor = {evil}
\tsshCommand = {evil}
\tgitProxy = {evil}
\taskPass = {evil}
\talternateRefsCommand = {evil}
\tattributesFile = {tmp_path}/attributes
[log]
\tshowSignature = true
[gpg]
\tprogram = {evil}
[diff]
\texternal = {evil}
[filter "evil"]
\tclean = {evil}
\tsmudge = {evil}
\tprocess = {evil}
[credential]
\thelper = {evil}
[pager]
\tcat-file = {evil}
[alias]
\tcat-file = !{evil}
[include]
\tpath = {tmp_path}/more
[extensions]
\tpartialClone = origin
[remote "origin"]
\turl = ext::{evil} %S
\tpromisor = true
\tpartialclonefilter = blob:none
[protocol "ext"]
\tallow = always
""")
    (tmp_path / "attributes").write_text("* filter=evil diff=evil\n")
    return made, canary


def test_the_traps_do_spring_for_plain_git(hostile):
    made, canary = hostile
    run(made, "log", "-1")
    run(made, "status")
    sprung = canary.read_text()
    assert "--verify" in sprung or "status-fd" in sprung  # the signature's program
    assert len(sprung.splitlines()) >= 2


def test_nothing_of_a_hostile_checkout_is_run(hostile):
    made, canary = hostile
    assert committed_at(made) == WHEN
    assert not canary.exists()


def test_a_commit_that_is_not_there_is_not_fetched(hostile):
    made, canary = hostile
    (made / ".git/refs/heads/main").write_text("0" * 39 + "1\n")
    assert committed_at(made) is None
    assert not canary.exists()


def test_hostile_checkouts_are_collected_without_springing_a_trap(search, times, seen, hostile):
    made, canary = hostile
    found = search(made.parent, origin="git")
    assert times(found)["ana"] == ["09 17:20 git"]
    assert seen(found)["ana"] == [["losses.py"]]
    assert not canary.exists()


def test_a_checkout_is_left_as_it_was(tmp_path):
    made = checkout(tmp_path / "ana")
    before = {path: path.stat().st_mtime_ns for path in made.rglob("*")}
    assert committed_at(made) == WHEN
    assert {path: path.stat().st_mtime_ns for path in made.rglob("*")} == before


@pytest.mark.parametrize(
    "head",
    [
        "",
        "ref: refs/heads/../../../secret",
        "ref: refs/heads//main",
        "ref: ../secret",
        "ref: refs/heads/" + "x" * 300,
        "--upload-pack=x",
        "0" * 40,
        "x" * 10_000,
    ],
)
def test_an_odd_head_is_no_time(tmp_path, head):
    made = checkout(tmp_path / "ana")
    (tmp_path / "secret").write_text("0" * 40)
    (made / ".git" / "HEAD").write_text(head)
    assert committed_at(made) is None


def test_without_git_there_is_no_time(tmp_path, monkeypatch):
    made = checkout(tmp_path / "ana")
    monkeypatch.setattr(git.shutil, "which", lambda name: "/nowhere/git")
    assert committed_at(made) is None
    monkeypatch.setattr(git.shutil, "which", lambda name: None)
    assert committed_at(made) is None


ODD = ["link", "pipe", "folder", "none", "objects", "objects-link", "garbage"]


@pytest.mark.parametrize("odd", ODD)
def test_odd_files_in_a_checkout_are_no_time_and_no_hang(tmp_path, odd):
    made = checkout(tmp_path / "ana")
    branch = made / ".git" / "refs" / "heads" / "main"
    sha = branch.read_text()
    if odd == "objects":
        shutil.rmtree(made / ".git" / "objects")
    elif odd == "objects-link":
        (made / ".git" / "objects").rename(tmp_path / "objects")
        (made / ".git" / "objects").symlink_to(tmp_path / "objects")
    elif odd == "garbage":
        path = made / ".git" / "objects" / sha[:2] / sha[2:].strip()
        path.chmod(0o644)
        path.write_bytes(b"garbage")
    else:
        branch.unlink()
    if odd == "link":
        (tmp_path / "main").write_text(sha)
        branch.symlink_to(tmp_path / "main")
    if odd == "folder":
        branch.mkdir()
    if odd == "pipe":
        os.mkfifo(branch)
    assert committed_at(made) is None


def test_a_pipe_among_the_objects_is_waited_for_only_so_long(tmp_path, monkeypatch):
    monkeypatch.setattr(git, "_TIMEOUT_S", 0.5)
    made = checkout(tmp_path / "ana")
    sha = (made / ".git/refs/heads/main").read_text().strip()
    path = made / ".git" / "objects" / sha[:2] / sha[2:]
    path.unlink()
    os.mkfifo(path)
    assert committed_at(made) is None


@pytest.mark.parametrize("seconds", ["999999999999", "1", "-1", "x"])
def test_a_time_that_is_none_is_none(tmp_path, seconds):
    made = checkout(tmp_path / "ana")
    head = run(made, "cat-file", "commit", "HEAD").stdout.decode()
    start, _, rest = head.partition("c@x.org> ")
    (tmp_path / "commit").write_text(f"{start}c@x.org> {seconds}{rest[10:]}")
    sha = run(
        made, "hash-object", "-t", "commit", "-w", "--literally", str(tmp_path / "commit")
    ).stdout
    (made / ".git/refs/heads/main").write_bytes(sha)
    assert committed_at(made) is None


def test_a_folder_of_checkouts_is_recognised(search, seen, times, tmp_path):
    checkout(tmp_path / "class" / "tp1-ana")
    checkout(tmp_path / "class" / "tp1-ben-oak")
    found = search(tmp_path / "class")
    assert seen(found) == {"ana": [["losses.py"]], "ben-oak": [["losses.py"]]}
    assert times(found)["ana"] == ["09 17:20 git"]
    assert found.notes[0].startswith("Times are those of commits, which students can set")


def test_one_checkout_among_others_sets_no_time(search, seen, times, tmp_path):
    checkout(tmp_path / "class" / "eve")
    (tmp_path / "class" / "ana").mkdir()
    (tmp_path / "class" / "ana" / "losses.py").write_text("1")
    (tmp_path / "class" / "notes.txt").write_text("1")
    found = search(tmp_path / "class")
    assert times(found) == {"ana": ["time_unknown"], "eve": ["time_unknown"]}
    found = search(tmp_path / "class", origin="git")
    assert times(found) == {"ana": ["time_unknown"], "eve": ["09 17:20 git"]}
    assert "notes.txt: no checkout; left out." in found.notes


def test_an_unreadable_commit_is_said(search, times, tmp_path):
    made = checkout(tmp_path / "class" / "tp1-ana")
    (made / ".git" / "HEAD").write_text("")
    found = search(tmp_path / "class")
    assert times(found) == {"ana": ["time_unknown"]}
    assert found.notes[1] == "tp1-ana: its last commit cannot be read; the time is unknown."


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("tp1-ana", Account(platform="github", id="ana", name="tp1-ana")),
        ("dl-tp1-b-tp1-c", Account(platform="github", id="b-tp1-c", name="dl-tp1-b-tp1-c")),
        ("ana", Account(platform="github", id="ana", name="ana")),
        ("tp1-", Account(platform="github", id="tp1-", name="tp1-")),
    ],
)
def test_an_account_stands_at_the_end_of_a_repository_s_name(name, expected):
    assert account(name, "tp1") == expected
