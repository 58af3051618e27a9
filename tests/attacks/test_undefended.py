"""Where nobody defends, the attacks win: what they lose by is the defence, not a slip of theirs."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.attacks.batch import PERFECT, ROOT
from tests.attacks.catalogue import ATTACKS
from tests.attacks.record import SECRET

SHOWN = [attack for attack in ATTACKS if attack.undefended]

pytestmark = pytest.mark.prove


@pytest.fixture(scope="module")
def won(tmp_path_factory):
    """Return which attacks win in a grader without defences."""
    folder = tmp_path_factory.mktemp("naive")
    shutil.copytree(ROOT / "tests" / "attacks" / "course", folder / "course")
    (folder / "handed-in" / "000-b-perfect").mkdir(parents=True)
    (folder / "handed-in" / "000-b-perfect" / "small.py").write_text(PERFECT)
    (folder / "out").mkdir()
    jobs = []
    for attack in SHOWN:
        place = folder / "handed-in" / attack.name
        place.mkdir()
        for name, content in attack.contents(str(folder)).items():
            (place / name).write_bytes(content)
        (folder / "out" / attack.name).touch()
        if attack.place is not None:
            attack.place(place, folder)
        if attack.called:
            (place / "called.txt").write_text(attack.called, "utf-8", newline="")
        jobs.append((attack.name, attack.undefended, str(place)))
    done = subprocess.run(
        [sys.executable, "-m", "tests.attacks.naive"],
        input=json.dumps(jobs),
        env={**os.environ, "PYTHONPATH": str(ROOT), "COURSE_SECRET": f"SECRET {SECRET}"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("attack", [pytest.param(one, id=one.name) for one in SHOWN])
def test_an_attack_wins_where_nobody_defends(won, attack):
    assert won[attack.name], f"{attack.tries}: by {attack.undefended}"


def test_there_are_many_such_proofs():
    assert len(SHOWN) >= 100
