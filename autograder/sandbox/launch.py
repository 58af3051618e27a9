"""Start the process that forks workers, and hear how far it got."""

from __future__ import annotations

import contextlib
import json
import math
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from autograder.errors import JailError, SandboxError
from autograder.models import Limits
from autograder.sandbox.image import Image, temporary_files

_SCRATCH = "/run/student"  # tier A makes it; elsewhere it is missing, and nothing can be written
_MESSAGE_BYTES = 1 << 20
_JAIL_S, _IMPORT_S, _STOP_S = 20.0, 180.0, 10.0
_CPU_MARGIN_S = 10  # the kernel's own limit only stops a worker whose grader is gone
_THREADS = 64  # of one worker
_FREE_UIDS = range(61184, 65520)  # systemd's dynamic users: no person and no package has them


class Zygote:
    """The fork server, seen from the process that starts it and that it dies with.

    Args:
        tier: "A", "C" or "none".
        image: What its workers may read, made for this tier.
        limits: Bounds on every worker.
        controls: Its ends of the control sockets, one a grader.
        trial: Only build the jail and one worker, import nothing, and stop.
    """

    def __init__(
        self,
        tier: str,
        image: Image,
        limits: Limits,
        *,
        controls: Sequence[socket.socket] = (),
        trial: bool = False,
    ) -> None:
        self._lifeline, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with temporary_files():
            self._log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        ends = [control.fileno() for control in controls]
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                _command(theirs),
                env=_environment(tier, image),
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._log,
                pass_fds=[theirs.fileno(), *ends, *image.descriptors.values()],
                start_new_session=True,  # a Ctrl-C in the terminal is not for it
            )
        except OSError as fault:
            self._lifeline.close()
            self._log.close()
            raise SandboxError(
                f"sandbox: expected to start {sys.executable}, got {fault.strerror}."
                " Use an interpreter that you may execute."
            ) from fault
        finally:
            theirs.close()
        plan = _plan(tier, image, limits, ends) | {"trial": trial}
        with contextlib.suppress(ConnectionError):  # `_receive` tells
            self._lifeline.send(json.dumps(plan).encode())

    def wait_jailed(self) -> int:
        """Wait until the jail stands; return the kernel's version of Landlock, 0 if it has none.

        Raises:
            JailError: If the kernel refuses.
        """
        message = self._receive(_JAIL_S)
        if message["fault"]:
            raise JailError(str(message["fault"]))
        return int(str(message["landlock"]))

    def wait_ready(self) -> None:
        """Wait until torch is imported and workers can be had.

        Raises:
            SandboxError: If the import fails or leaves threads behind, which no fork survives.
        """
        threads = self._receive(_IMPORT_S)["threads"]
        if threads != 1:
            raise SandboxError(
                f"sandbox: expected one thread after importing torch, got {threads}."
                " Report it with the versions of torch and numpy."
            )

    def stop(self) -> None:
        """End it and, with it, every worker."""
        with contextlib.suppress(OSError):  # it may be gone already
            self._lifeline.shutdown(
                socket.SHUT_RDWR
            )  # graders hold copies, so closing is not enough
        self._lifeline.close()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def _receive(self, timeout_s: float) -> dict[str, object]:
        self._lifeline.settimeout(timeout_s)
        try:
            text = self._lifeline.recv(_MESSAGE_BYTES)
        except (TimeoutError, ConnectionError):
            text = b""
        if not text:
            self._log.seek(0)
            said = self._log.read().decode(errors="replace").strip()
            raise SandboxError(
                f"sandbox: expected a fork server, got one that died or hung."
                f" Run `gradlab doctor`. Its last words: {said[-500:] or 'none'}"
            )
        message: dict[str, object] = json.loads(text)
        return message


def cpu_backstop_s(limits: Limits) -> int:
    """Return the CPU time after which the kernel itself kills a worker."""
    return math.ceil(limits.submission_cpu_s + limits.import_cpu_s) + _CPU_MARGIN_S


def spare_uid() -> int | None:
    """Return a user id that nobody has, for root to become; None if there is none to become."""
    if os.geteuid() != 0:
        return None
    mapped = [
        range(int(first), int(first) + int(count))
        for first, _, count in map(str.split, Path("/proc/self/uid_map").read_text().splitlines())
    ]
    start = os.getpid() % len(_FREE_UIDS)  # two runs at a time take different ones
    candidates: list[int] = [*_FREE_UIDS[start:], *_FREE_UIDS[:start]]
    for uid in candidates:
        if any(uid in ids for ids in mapped) and not _has_name(uid):
            return uid
    return None


def _has_name(uid: int) -> bool:
    import pwd  # noqa: PLC0415 -- Windows has none, and `gradlab doctor` must be able to say so

    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _command(lifeline: socket.socket) -> list[str]:
    interpreter = str(Path(sys.executable).resolve())
    return [interpreter, "-S", "-s", "-P", "-m", "autograder.worker", str(lifeline.fileno())]


def _environment(tier: str, image: Image) -> dict[str, str]:
    """Return all that the workers' environment holds."""
    inherited = {key: os.environ[key] for key in ("LD_LIBRARY_PATH",) if key in os.environ}
    scratch = tempfile.gettempdir() if tier == "none" else _SCRATCH
    threads = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
    return inherited | {
        "PYTHONHOME": image.home,
        "PYTHONPATH": image.packages,
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        **dict.fromkeys(threads, "1"),  # with two, a forked worker hangs in libgomp
        "CUDA_VISIBLE_DEVICES": "",
        "TORCHINDUCTOR_CACHE_DIR": image.home,  # must exist; nothing is written there
        "HOME": scratch,
        "TMPDIR": scratch,
        "USER": "student",
        "LANG": "C.UTF-8",
    }


def _plan(tier: str, image: Image, limits: Limits, controls: list[int]) -> dict[str, object]:
    """Say everything that `autograder.worker.jail.Plan` wants to know."""
    uid = spare_uid() if tier in ("A", "C") else None
    return {
        "tier": tier,
        "parent": os.getpid(),
        "uid": uid,
        "trees": [(str(tree.path), [str(hole) for hole in tree.holes]) for tree in image.trees],
        "links": [(str(link), text) for link, text in image.links.items()],
        "root": str(image.root),
        "keep": list(image.descriptors.values()),
        "packages": image.packages,
        "graders": controls,
        "cpu_s": cpu_backstop_s(limits),
        "memory_bytes": limits.memory_bytes,
        "reply_bytes": limits.reply_bytes,
        "processes": _process_limit(tier, uid, len(controls)),
    }


def _process_limit(tier: str, uid: int | None, graders: int) -> int:
    """Return a bound on threads: the kernel counts them by user, or by namespace in tier A."""
    if tier == "A":
        return _THREADS
    others = 0 if uid is not None else sum(1 for _ in Path("/proc").glob("[0-9]*/task/*"))
    return others + _THREADS * (graders + 1)
