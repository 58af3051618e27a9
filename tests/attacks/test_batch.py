"""Whole batches of attacks: each ends as it must, and nobody else notices."""

import pytest

from tests.attacks.batch import FAST, SLOW, grade


@pytest.fixture(scope="session")
def batches(tmp_path_factory):
    import functools, tempfile
    from pathlib import Path
    made = {}
    def get(setting):
        if setting not in made:
            made[setting] = grade(setting, Path(tempfile.mkdtemp(prefix="gradlab-attacks-")))
        return made[setting]
    yield get


def test_x(batches):
    b = batches(SLOW[0])
    print(b.printed.decode()[:6000], b.complaints.decode()[-3000:], b.wall_s, b.left_over)
    from tests.attacks.catalogue import ATTACKS
    for a in ATTACKS:
        r = b.document("results", b.students[a.name])
        for e in r["exercises"]:
            if e["outcome"] != "not_implemented":
                print(a.name, e["id"], e["outcome"], e["points"], {c["reason"] for c in e["cases"]}, e["review"], [c["message"] for c in e["cases"] if c["outcome"] != "passed"][:1])
    assert 0
