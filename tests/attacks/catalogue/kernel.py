"""The kernel's doors: every probe is refused, so its submission is honest and passes."""

from tests.attacks.catalogue.reading import probing
from tests.attacks.record import Attack, honest


def _probe(name: str, tries: str, call: str, undefended: str = "achieved") -> Attack:
    text = f"import evil\nimport os\n\ndef probe():\n    return {call}\n"
    ends = {"scale": honest()}
    return Attack(name=name, tries=tries, files=probing(text), ends=ends, undefended=undefended)


MOUNT = """
import ctypes
import os

LIBC = ctypes.CDLL(None, use_errno=True)

def probe():
    flags = {"user": 0x10000000, "mount": 0x20000, "net": 0x40000000, "pid": 0x20000000}
    achieved = [name for name, flag in flags.items() if LIBC.unshare(flag) == 0]
    if LIBC.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0:
        achieved.append("mounted")
        LIBC.umount(b"/tmp")
    if LIBC.chroot(b"/usr") == 0:
        achieved.append("chroot")
    return achieved
"""
MEMORY_FILES = """
import ctypes
import os

LIBC = ctypes.CDLL(None, use_errno=True)

def probe():
    achieved = [name for name, call in (
        ("memfd", lambda: os.memfd_create("evil")),
        ("shmget", lambda: LIBC.shmget(0x1234, 4096, 0o1666)),
        ("mq_open", lambda: LIBC.mq_open(b"/evil", 0o102, 0o666, None)),
        ("semget", lambda: LIBC.semget(0x1234, 1, 0o1666)),
    ) if not refused(call)]
    LIBC.shmctl(LIBC.shmget(0x1234, 0, 0), 0, None)
    LIBC.semctl(LIBC.semget(0x1234, 0, 0), 0, 0)
    LIBC.mq_unlink(b"/evil")
    return achieved

def refused(call):
    try:
        return call() == -1
    except (OSError, AttributeError):
        return True
"""
PLACES = """
import os

PLACES = [folder + "/evil" for folder in ("/dev/shm", "/tmp", "/var/tmp", "/run", os.getcwd())]
"""
LEAVE = f"""{PLACES}
def probe():
    for name in PLACES:
        try:
            with open(name, "w") as file:
                file.write("left for the next")
        except OSError:
            pass
    return []
"""
FIND = f"""{PLACES}
def probe():
    return [name for name in PLACES if os.path.exists(name)]
"""
ESCALATE = """
import os

def probe():
    achieved = []
    for name, call in (
        ("setuid", lambda: os.setuid(os.getuid() + 1)),
        ("setgroups", lambda: os.setgroups([0])),
        ("nice", lambda: os.nice(-5)),
        ("mknod", lambda: os.mknod("null", 0o20666, os.makedev(1, 3))),
        ("scheduler", lambda: os.sched_setaffinity(0, {0})),
    ):
        try:
            call()
            achieved.append(name)
        except OSError:
            pass
    return achieved
"""

ATTACKS = (
    _probe(
        "sockets",
        "opens sockets of every family: TCP, UDP, Unix, netlink, packet, vsock",
        "[one for one in evil.new_socket() if one != 'pair']",
    ),
    _probe(
        "processes", "forks, spawns and executes in every way", "evil.new_process()", "exit code"
    ),
    _probe(
        "system-calls",
        "makes fifty calls that nobody needs: ptrace, bpf, io_uring, userfaultfd, keyctl, kexec",
        "evil.system_calls()",
        "",  # for root and without a jail, some of them would really happen
    ),
    _probe("kill-the-grader", "kills its parent, its group and everybody", "evil.kill([])", ""),
    _probe("break-loose", "unties itself from its parent's death", "evil.outlive()"),
    _probe("raise-limits", "lifts its own limits", "evil.raise_limits([])"),
    _probe(
        "aim-a-signal",
        "has the kernel signal another process when a pipe becomes readable",
        "evil.signal_by_descriptor([os.getppid()])",
        "",
    ),
    _probe(
        "write-anywhere",
        "writes into the folders that are usually open to all",
        "evil.write(['/', '/tmp/..', '/var/tmp', '/run', '/home', '@FOLDER@/out', '@FOLDER@'])",
        "",
    ),
    _probe(
        "change-what-it-reads",
        "changes the files that it may read: torch's own among them",
        "evil.change([__import__('torch').__file__, os.__file__])",
        "",
    ),
    Attack(
        name="namespaces",
        tries="makes namespaces of its own, mounts and changes the root",
        files=probing(MOUNT),
        ends={"scale": honest()},
        undefended="achieved",
    ),
    Attack(
        name="memory-files",
        tries="keeps data in memory that no limit counts: memfd, SysV segments, queues",
        files=probing(MEMORY_FILES),
        ends={"scale": honest()},
        undefended="achieved",
    ),
    Attack(
        name="leave-a-message",
        tries="leaves a file for the next submission, wherever it can write",
        files=probing(LEAVE),
        ends={"scale": honest()},
    ),
    Attack(
        name="find-a-message",
        tries="looks for what another submission left",
        files=probing(FIND),
        ends={"scale": honest()},
    ),
    Attack(
        name="escalate",
        tries="becomes somebody else, and makes devices",
        files=probing(ESCALATE),
        ends={"scale": honest()},
        undefended="achieved",
    ),
)
