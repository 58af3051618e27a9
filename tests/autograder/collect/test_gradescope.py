"""Gradescope's export, whose metadata may hold what students printed."""

import io
import zipfile
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings

from autograder.collect import gradescope
from autograder.errors import ConfigError
from tests.autograder.lms.mutants import mutants

METADATA = """\
---
submission_101:
  :submitters:
  - :name: Ana Gómez
    :sid: '2001'
    :email: ana@example.org
  :created_at: 2026-02-09 17:20:31.123456000 Z
  :score: 3.0
  :status: processed
  :results:
    :output: |
      submission_999:
        :submitters:
      :created_at: 2020-01-01 00:00:00 Z
    :tests:
    - :output: "[[[[ not closed
  :history:
  - :created_at: 2026-02-08 00:00:00 Z
    :score: 1.0
submission_102:
  :submitters:
  - :name: Ben Oak
    :sid:
    :email: ben.oak@example.org
  - :name: Zoé Müller
    :sid: '2003'
    :email:
  :created_at: 2026-02-10 09:20:31 -0800
"""


def export(metadata=METADATA, root="assignment_77_export/") -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(f"{root}submission_metadata.yml", metadata)
        archive.writestr(f"{root}submission_101/losses.ipynb", "{}")
        archive.writestr(f"{root}submission_101/sub/helper.py", "1")
        archive.writestr(f"{root}submission_102/losses.py", "2")
    return made.getvalue()


@pytest.mark.parametrize("root", ["assignment_77_export/", ""])
def test_an_export_tells_who_and_when_and_groups_share(search, seen, times, root):
    found = search(export(root=root))
    assert seen(found) == {
        "2001": [["losses.ipynb", "sub/helper.py"]],
        "2003": [["losses.py"]],
        "ben.oak-example.org": [["losses.py"]],
    }
    assert times(found) == {
        "2001": ["09 17:20 lms"],
        "2003": ["10 17:20 lms"],
        "ben.oak-example.org": ["10 17:20 lms"],
    }
    assert [one.name for one in found.submissions] == ["Ana Gómez", "Zoé Müller", "Ben Oak"]
    assert found.notes == ()


def test_a_roster_finds_students_by_number_and_address(search, seen, roster):
    known = roster(("ana", "A", "2001"), ("ben", "B", "Ben.Oak@example.org"), ("zo", "Zoé Müller"))
    assert list(seen(search(export(), roster=known))) == ["ana", "ben", "zo"]


def test_results_are_cut_out_before_anything_is_parsed(search, seen):
    deep = "  :results:\n" + "".join(f"    {'[' * 50}\n" for _ in range(2000))
    found = search(export(METADATA.replace("  :results:\n", deep)))
    assert len(seen(found)) == 3


def test_what_a_student_printed_makes_no_submission(search, seen):
    print_ = '    :output: "x\u2028submission_999:\u2028  :submitters:\x85  :created_at: 1"\n'
    text = METADATA.replace("  :results:\n", f"  :results:\n{print_}")
    assert len(seen(search(export(text)))) == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("submission_101: [", "submission_metadata.yml:1: expected Gradescope's YAML"),
        ("- 1\n", "submission_metadata.yml:1: expected submission_<number> and its submitters"),
        ("other: {}\n", "submission_metadata.yml:1: expected submission_<number> and its subm"),
        ("", "submission_metadata.yml:1: expected submission_<number> and its submitters"),
        ("submission_1: 5\n", "submission_metadata.yml: expected the submitters of submission_1"),
        (
            "submission_1:\n  :submitters: 7\n",
            "submission_metadata.yml: expected the submitters of submission_1, got something else",
        ),
        (b"\xff", "submission_metadata.yml: expected YAML in UTF-8, got"),
    ],
)
def test_metadata_that_are_not_gradescope_s_are_a_config_error(search, text, said):
    with pytest.raises(ConfigError) as caught:
        search(export(text))
    assert str(caught.value).startswith(said)


def test_missing_metadata_are_a_config_error(search):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("submission_1/a.py", "")
    with pytest.raises(ConfigError, match=r"expected Gradescope's submission_metadata\.yml, got"):
        search(made.getvalue(), origin="gradescope")


def test_metadata_have_a_cap(search, monkeypatch):
    monkeypatch.setattr(gradescope, "_LINES", 5)
    with pytest.raises(ConfigError, match=r"^submission_metadata\.yml: expected at most 5 lines"):
        search(export())


def test_a_time_that_is_none_is_said(search, times):
    found = search(export(METADATA.replace("2026-02-09 17:20:31.123456000 Z", "'soon'")))
    assert times(found)["2001"] == ["time_unknown"]
    assert found.notes == (
        "submission_101: submission_metadata.yml tells no time that is certain.",
    )


def test_two_people_who_would_be_one_student_are_refused(search):
    twice = METADATA.replace("'2003'", "'2001'").replace("    :email:\n", "    :email: z@x.org\n")
    with pytest.raises(ConfigError, match="expected one student for each account, got 2001 here"):
        search(export(twice))


def test_a_submission_without_its_folder_is_never_nothing(search):
    more = METADATA + "submission_103:\n  :submitters:\n  - :name: Eve\n    :sid: '2009'\n"
    found = search(export(more))
    (attempt,) = next(one for one in found.submissions if one.student_id == "2009").attempts
    assert attempt.problem == "submission_103: the download holds no file of it. Download again."


def test_folders_that_the_metadata_lack_are_listed(search):
    made = io.BytesIO(export(root=""))
    with zipfile.ZipFile(made, "a") as archive:
        archive.writestr("submission_999/a.py", "")
    found = search(made.getvalue())
    assert found.notes == ("submission_999: not in submission_metadata.yml; left out.",)


@given(mutants(METADATA.encode()))
@settings(
    derandomize=True, max_examples=100, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
def test_any_damage_is_read_or_a_config_error(search, data):
    with suppress(ConfigError):
        assert len(search(export(data)).submissions) <= 20
