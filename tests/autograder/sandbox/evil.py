"""A submission that attacks its grader: each function returns what it achieved, at best nothing."""

# Attacks use the bare calls of the system:

import contextlib
import ctypes
import fcntl
import gc
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time

import torch

LIBC = ctypes.CDLL(None, use_errno=True)


def attack(name, *args):
    return globals()[name](*args)


def tried(*attempts):
    """Call each, and return the names of those that were not refused."""
    achieved = []
    for name, attempt in attempts:
        with contextlib.suppress(OSError):
            attempt()
            achieved.append(name)
    return achieved


# --- look ----------------------------------------------------------------------------------------


def openable(paths):
    """Return those of the files that can be opened."""
    achieved = []
    for path in paths:
        with contextlib.suppress(OSError, ValueError):
            os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
            achieved.append(path)
    return achieved


def walked():
    """Walk all that can be listed and return what can be opened, but for one's own /proc."""
    achieved = []
    for top in ("/", *sys.path):
        for above, folders, names in os.walk(top):
            if above == "/" and "proc" in folders:
                folders.remove("proc")
            achieved += openable([os.path.join(above, name) for name in names])
    return achieved


def climb(start):
    """Walk up from a descriptor that came with the process."""
    achieved = []
    for number in range(3, 256):
        for depth in range(1, 12):
            path = f"/proc/self/fd/{number}" + "/.." * depth + start
            achieved += openable([path])
    return achieved


def secrets_in_memory():
    names = [name for name in sys.modules if name.startswith("autograder.")]
    allowed = ("autograder.worker", "autograder.sandbox")
    achieved = [name for name in names if not name.startswith(allowed)]
    achieved += [text for text in gc.get_objects() if isinstance(text, str) and "SECRET" in text]
    return achieved + [key for key in os.environ if "SECRET" in key]


def processes():
    with contextlib.suppress(OSError):
        return [name for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]
    return []


def look_at(pid):
    """Look into another process of the machine."""
    files = [f"/proc/{pid}/{name}" for name in ("mem", "environ", "maps", "cmdline", "status")]
    achieved = openable(files)
    vectors = ctypes.create_string_buffer(64)
    if LIBC.ptrace(16, pid, None, None) == 0:
        achieved.append("ptrace")
    if LIBC.process_vm_readv(pid, vectors, 1, vectors, 1, 0) >= 0:
        achieved.append("process_vm_readv")
    return achieved


# --- start something -----------------------------------------------------------------------------


def new_process():
    def forked():
        if os.fork() == 0:
            os._exit(0)

    return tried(
        ("fork", forked),
        ("subprocess", lambda: subprocess.run(["/bin/true"], check=False)),
        ("posix_spawn", lambda: os.posix_spawn("/bin/true", ["true"], {})),
        ("exec", lambda: os.execv(sys.executable or "/bin/true", ["python", "-c", "0"])),
    )


def new_socket():
    kinds = ("AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK", "AF_PACKET", "AF_VSOCK")
    raw = socket.SOCK_RAW
    attempts = [(kind, lambda kind=kind: socket.socket(getattr(socket, kind))) for kind in kinds]
    attempts.append(("raw", lambda: socket.socket(socket.AF_NETLINK, raw)))
    attempts.append(("pair", socket.socketpair))
    return tried(*attempts)


def threads():
    """Start threads until it fails; return their number."""
    release = threading.Event()
    threading.stack_size(64 << 10)
    started = []
    with contextlib.suppress(RuntimeError, MemoryError):
        while len(started) < 5000:
            thread = threading.Thread(target=release.wait)
            thread.start()
            started.append(thread)
    release.set()
    for thread in started:
        thread.join()
    return len(started)


def system_calls():
    """Make calls that nobody needs; return those that are not refused."""
    numbers = {
        "x86_64": {
            "ptrace": 101, "mount": 165, "unshare": 272, "setns": 308, "chroot": 161, "bpf": 321,
            "perf_event_open": 298, "userfaultfd": 323, "keyctl": 250, "add_key": 248,
            "io_uring_setup": 425, "memfd_create": 319, "shmget": 29, "msgget": 68, "semget": 64,
            "mq_open": 240, "process_vm_writev": 311, "kcmp": 312, "pidfd_open": 434,
            "pidfd_getfd": 438, "open_by_handle_at": 304, "name_to_handle_at": 303, "mknod": 133,
            "setuid": 105, "setsid": 112, "personality": 135, "execveat": 322, "clone3": 435,
            "fsopen": 430, "move_mount": 429, "init_module": 175, "reboot": 169, "syslog": 103,
            "quotactl": 179, "acct": 163, "swapon": 167, "sethostname": 170, "settimeofday": 164,
            "sched_setaffinity": 203, "setpriority": 141, "ioprio_set": 251, "tkill": 200,
            "rt_sigqueueinfo": 129, "vmsplice": 278, "fanotify_init": 300, "inotify_init1": 294,
            "setxattr": 188, "chown": 92, "vhangup": 153, "memfd_secret": 447, "mlockall": 151,
        },
    }  # fmt: skip
    achieved = []
    for name, number in numbers.get(os.uname().machine, {}).items():
        if LIBC.syscall(number, 0, 0, 0, 0, 0, 0) >= 0 or ctypes.get_errno() not in (1, 38):
            achieved.append(f"{name}: errno {ctypes.get_errno()}")
    return achieved


# --- hurt somebody -------------------------------------------------------------------------------


def kill(pids):
    """Signal processes of the machine: the grader, the fork server, everybody."""
    own = os.getpid()
    targets = [pid for pid in (*pids, os.getppid(), 0, -1, 2) if pid != own]
    return tried(
        *((f"kill {pid}", lambda pid=pid: os.kill(pid, signal.SIGTERM)) for pid in targets)
    )


def signal_by_descriptor(pids):
    """Have the kernel signal another process when a pipe becomes readable."""
    reader, writer = os.pipe()
    set_signal = 10
    return tried(
        *((f"own {pid}", lambda pid=pid: fcntl.fcntl(reader, fcntl.F_SETOWN, pid)) for pid in pids),
        ("F_SETSIG", lambda: fcntl.fcntl(reader, set_signal, signal.SIGKILL)),
        ("FIOASYNC", lambda: fcntl.ioctl(writer, 0x5452, 1)),
    )


def die_as_if_killed():
    """End as if somebody else had done it: by a signal, or by a limit of one's own."""
    lower = [(resource.RLIMIT_CPU, (1, 1)), (resource.RLIMIT_AS, (1 << 20, 1 << 20))]
    attempts = [
        (f"signal {deadly}", lambda deadly=deadly: os.kill(os.getpid(), deadly))
        for deadly in (signal.SIGKILL, signal.SIGSTOP)
    ]
    attempts += [
        (f"limit {kind}", lambda kind=kind, pair=pair: resource.setrlimit(kind, pair))
        for kind, pair in lower
    ]
    attempts += [
        (f"thread {deadly}", lambda deadly=deadly: _signal_thread(deadly))
        for deadly in (signal.SIGKILL, signal.SIGSTOP)
    ]
    return tried(*[(name, _as_os_error(attempt)) for name, attempt in attempts])


def _signal_thread(deadly):
    signal.pthread_kill(threading.main_thread().ident, deadly)


def _as_os_error(attempt):
    def call():
        try:
            attempt()
        except ValueError as refused:  # what `resource` makes of EPERM
            raise OSError from refused

    return call


def outlive():
    """Undo what ties this process to its parent."""
    achieved = []
    if LIBC.prctl(1, 0) == 0:
        achieved.append("PR_SET_PDEATHSIG")
    if LIBC.prctl(4, 1) == 0:
        achieved.append("PR_SET_DUMPABLE")
    return achieved + tried(("setsid", os.setsid), ("setpgid", lambda: os.setpgid(0, 0)))


def raise_limits(pids):
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    kinds = (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_NPROC)
    achieved = []
    for pid in (0, *pids):
        for kind in kinds:
            with contextlib.suppress(OSError, ValueError):
                resource.prlimit(pid, kind, unlimited)
                achieved.append((pid, kind))
    return achieved


def change(paths):
    """Change files that are not ours."""
    achieved = []
    for path in paths:
        achieved += tried(
            (f"write {path}", lambda path=path: os.close(os.open(path, os.O_WRONLY))),
            (f"truncate {path}", lambda path=path: os.truncate(path, 0)),
            (f"cut {path}", lambda path=path: os.close(os.open(path, os.O_TRUNC))),
            (f"chmod {path}", lambda path=path: os.chmod(path, 0o600)),
            (f"times {path}", lambda path=path: os.utime(path, (0, 0))),
            (f"owner {path}", lambda path=path: os.chown(path, os.getuid(), -1)),
            (f"remove {path}", lambda path=path: os.remove(path)),
            (f"rename {path}", lambda path=path: os.rename(path, path + "x")),
            (f"link {path}", lambda path=path: os.link(path, path + "y")),
            (f"attribute {path}", lambda path=path: os.setxattr(path, "user.x", b"1")),
        )
    return achieved


def write(folders):
    """Make files; return where it was possible."""
    achieved = []
    for folder in folders:
        with contextlib.suppress(OSError):
            with open(os.path.join(folder, "evil"), "wb") as file:
                file.write(b"x")
            achieved.append(folder)
    return achieved


def fill_disk():
    """Write until it is refused; return the number of MiB."""
    folder, written = os.environ.get("TMPDIR", "/tmp"), 0
    with contextlib.suppress(OSError):
        for number in range(10_000):
            with open(os.path.join(folder, f"evil{number}"), "wb") as file:
                file.write(b"x" * (1 << 20))
            written += 1
    return written


# --- die -----------------------------------------------------------------------------------------


def loop():
    signal.signal(signal.SIGXCPU, signal.SIG_IGN)
    while True:
        pass


def loop_in_threads():
    for _ in range(4):
        threading.Thread(target=loop_in_torch, daemon=True).start()
    time.sleep(3600)


def loop_in_torch():
    x = torch.ones(400, 400)
    while True:
        x = torch.tanh(x @ x)


def sleep():
    time.sleep(3600)


def leave(code):
    os._exit(code)


def segfault():
    ctypes.string_at(8)


def abort():
    os.abort()


def recurse():
    sys.setrecursionlimit(1 << 30)

    class Deep:
        def __repr__(self):
            return repr(self)

    return repr(Deep())


def allocate_bytes():
    hoard = []
    while True:
        hoard.append(b"x" * (16 << 20))


def allocate_tensor():
    return float(torch.ones(1 << 34).sum())


def hang_up():
    os.closerange(3, 256)
    time.sleep(3600)


def babble():
    """Write rubbish to every descriptor, where the reply goes too."""
    for number in range(3, 256):
        with contextlib.suppress(OSError):
            os.write(number, b"{'ok': True, 'value': 20}" * 1000)
    time.sleep(3600)


def forge():
    """Answer in the grader's own format, but not what was asked."""
    wire = sys.modules["autograder.sandbox.wire"]
    for number in range(3, 256):
        with contextlib.suppress(OSError):
            wire.send(socket.socket(fileno=number), {"seq": 999, "ok": True, "value": 20})
    time.sleep(3600)


def hold_on():
    """Hold the other end of one's own prints too, and never end."""
    with contextlib.suppress(OSError):
        os.open("/proc/self/fd/1", os.O_RDONLY)
    loop()


def flood(mebibytes):
    line = "x" * 1023 + "\n"
    for _ in range(mebibytes << 10):
        sys.stdout.write(line)
    sys.stderr.write("done\n")


def flood_for_ever():
    while True:
        os.write(1, b"x" * 65536)
