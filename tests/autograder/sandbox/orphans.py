"""Start a sandbox, fork a grader with a busy worker, write who is who, and wait to be killed.

Run as a script by test_client.py: python tests/autograder/sandbox/orphans.py TIER
"""

import contextlib
import json
import os
import signal
import sys
from pathlib import Path

from students import QUICK, attack, call, hand_in

from autograder.sandbox.client import Sandbox, WorkerDied
from tests.autograder import arcs


def pid_of(descriptor):
    """Return the process that a pidfd stands for."""
    text = Path(f"/proc/self/fdinfo/{descriptor}").read_text()
    return int(text.partition("\nPid:")[2].split()[0])


def grade(sandbox, report):
    client = sandbox.client(0)
    worker = client.spawn()
    hand_in(worker)
    os.write(report, str(pid_of(worker._pidfd)).encode())
    os.close(report)
    with contextlib.suppress(WorkerDied):
        call(worker, "attack", "hold_on", cpu_s=1000.0, wall_s=1000.0)


def main(tier):
    sandbox = Sandbox.start(jobs=2, limits=QUICK, tier=tier)
    reader, writer = os.pipe()
    grader = os.fork()
    if grader == 0:
        grade(sandbox, writer)
        os._exit(0)
    who = {
        "server": sandbox._zygote._process.pid,
        "grader": grader,
        "worker": int(os.read(reader, 100)),
    }
    sys.stdout.write(json.dumps(who) + "\n")
    sys.stdout.flush()
    sys.stdin.readline()  # the test kills the grader, then wants to see another one at work
    sys.stdout.write(json.dumps(attack(sandbox.client(1), "openable", ["/etc/passwd"])) + "\n")
    sys.stdout.flush()
    signal.pause()


if __name__ == "__main__":
    with arcs.planted():
        main(sys.argv[1])
