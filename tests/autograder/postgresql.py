"""A PostgreSQL server for tests: Debian's own, in a folder of its own, on a Unix socket only."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BINARIES = Path("/usr/lib/postgresql/15/bin")
ACCOUNT = "postgres"


def why_not() -> str:
    """Say what is missing here; nothing, if nothing is."""
    if not (BINARIES / "postgres").exists():
        return f"no PostgreSQL in {BINARIES}"
    if os.geteuid() == 0 and ACCOUNT not in {one.pw_name for one in pwd.getpwall()}:
        return f"PostgreSQL does not run as root, and there is no account {ACCOUNT}"
    return ""


@contextmanager
def server() -> Iterator[str]:
    """Start a server and yield the URL of its empty database."""
    folder = Path(tempfile.mkdtemp(prefix="gradlab-pg-", dir="/tmp"))  # a socket's path is short
    user = ACCOUNT if os.geteuid() == 0 else None
    if user is not None:
        shutil.chown(folder, user)

    def run(program: str, *arguments: str) -> None:
        subprocess.run(
            [BINARIES / program, *arguments],
            user=user,
            group=user and pwd.getpwnam(user).pw_gid,
            extra_groups=[] if user else None,
            cwd=folder,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=120,
            check=True,
        )

    data = str(folder / "data")
    try:
        run("initdb", "-D", data, "-U", "gradlab", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
        run(
            "pg_ctl",
            "-D",
            data,
            "-w",
            "-t",
            "60",
            "-l",
            str(folder / "log"),
            "-o",
            options,
            "start",
        )
        try:
            yield f"postgresql+psycopg://gradlab@/postgres?host={folder}"
        finally:
            run("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
