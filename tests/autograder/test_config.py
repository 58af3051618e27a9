"""grading_config.yml: what is right is read exactly, what is wrong is named with its place."""

# ruff: noqa: E501  # a table of messages reads best with one fault a line

import json
import pkgutil
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import jsonschema
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from autograder import config
from autograder.errors import ConfigError
from autograder.models import (
    CourseGrade,
    LatePenalty,
    Limits,
    Policy,
    Schedule,
    ScoreRules,
    Tolerance,
)

REPOSITORY = Path(__file__).parents[2]

BASE = """\
title: A course
timezone: Europe/Paris
device: cpu
score:
  scale: 4
  core: 2
  starred: 2
  policy: additive
  class_cap: 1
  grace: 5 min
  late_penalty: {points: 0.5, per: 1 day, at_most: 2}
  rounding: 0.01
limits:
  call_cpu_s: 5
  memory_bytes: 2 GiB
tolerances:
  float64: {rtol: 1e-7, atol: 1e-9}
forbidden:
  autograd: {autograd: true}
  softmax: {names: [torch.softmax], operators: ["aten::_softmax"]}
topics:
  losses:
    title: Losses
    forbid: [softmax]
    exercises:
      softmax: {points: 2}
      entropy: {points: 1, starred: true}
      softmax_backward: {points: 3, forbid: [autograd]}
  mlp:
    exercises:
      mlp_backward: {points: 4}
assignments:
  tp1:
    title: First
    class_end: 2026-02-09 18:30
    due: 2026-02-16 23:59
    closes: 2026-03-02 23:59
    sections:
      evening: {class_end: 2026-02-10 20:30}
    score: {policy: gate}
    limits: {call_cpu_s: 7}
    files: [work.py]
    exercises:
      - losses.softmax
      - {id: losses.entropy, points: 2, starred: false}
      - mlp.mlp_backward
"""


def load(folder: Path, text: str | bytes):
    path = folder / "grading_config.yml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return config.load(folder)


def faults(folder: Path, text: str | bytes) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(folder, text)
    return str(caught.value).splitlines()


def changed(old: str, new: str, text: str = BASE) -> str:
    assert text.count(old) == 1, old
    return text.replace(old, new)


# --- what is right ---------------------------------------------------------------------------


def test_the_course_of_this_repository_is_valid():
    course = config.load(REPOSITORY)
    folders = {path.parent.name for path in REPOSITORY.glob("reference/*/solution.py")}
    assert course.topics.keys() == folders
    assert list(course.assignments) == [*course.topics, "tp1"]
    assert {one.topic for one in course.assignments["tp1"].exercises} == {"losses", "mlp"}
    assert all(one.forbidden for one in course.topics["losses"])


def test_the_forbidden_names_and_operators_of_this_repository_exist():
    """A misspelt ban bans nothing; names of scipy, which is not installed, are left out."""
    for exercises in config.load(REPOSITORY).topics.values():
        for group in {one for exercise in exercises for one in exercise.forbidden}:
            for name in group.names:
                if not name.startswith("scipy."):
                    assert pkgutil.resolve_name(name), name
            for name in group.operators:
                assert getattr(torch.ops.aten, name.removeprefix("aten::")).overloads()


def test_every_key_arrives_where_it_belongs(tmp_path):
    course = load(tmp_path, BASE)
    tp1 = course.assignments["tp1"]
    paris = timedelta(hours=1)
    class_end = datetime(2026, 2, 9, 17, 30, tzinfo=UTC)
    assert (course.title, course.timezone, course.device) == ("A course", "Europe/Paris", "cpu")
    assert course.course_dir == tmp_path
    assert tp1.title == "First"
    assert [(one.key, one.points, one.starred) for one in tp1.exercises] == [
        ("losses.softmax", 2, False),
        ("losses.entropy", 2, False),
        ("mlp.mlp_backward", 4, False),
    ]
    assert tp1.rules == ScoreRules(
        policy=Policy.GATE,
        grace=timedelta(minutes=5),
        late_penalty=LatePenalty(
            points=Fraction(1, 2), period=timedelta(days=1), at_most=Fraction(2)
        ),
    )
    assert tp1.schedule.class_end == class_end
    assert tp1.schedule.class_end.utcoffset() == paris
    assert tp1.sections == {
        "evening": replace(tp1.schedule, class_end=datetime(2026, 2, 10, 19, 30, tzinfo=UTC))
    }
    assert tp1.limits == Limits(call_cpu_s=7.0, memory_bytes=2 << 30)
    assert tp1.files == ("work.py",)
    assert course.tolerances["float64"] == Tolerance(rtol=1e-7, atol=1e-9)
    assert course.tolerances["exact"] == Tolerance(rtol=0.0, atol=0.0)


def test_forbidden_sets_are_those_of_the_exercise_else_of_the_topic(tmp_path):
    softmax, entropy, backward = load(tmp_path, BASE).topics["losses"]
    assert [one.name for one in softmax.forbidden] == ["softmax"]
    assert entropy.forbidden == softmax.forbidden
    assert softmax.forbidden[0].names == ("torch.softmax",)
    assert softmax.forbidden[0].operators == ("aten::_softmax",)
    assert [(one.name, one.autograd) for one in backward.forbidden] == [("autograd", True)]


def test_a_topic_is_an_assignment_of_its_own_name(tmp_path):
    losses = load(tmp_path, BASE).assignments["losses"]
    assert losses.title == "Losses"
    assert [one.id for one in losses.exercises] == ["softmax", "entropy", "softmax_backward"]
    assert losses.schedule == Schedule()
    assert losses.rules.grace == timedelta(minutes=5)
    assert losses.files == ("losses.py", "losses.ipynb")


def test_an_assignment_with_the_name_of_a_topic_adds_dates_to_it(tmp_path):
    text = BASE + "  losses:\n    due: 2026-02-16 23:59\n"
    losses = load(tmp_path, text).assignments["losses"]
    assert len(losses.exercises) == 3
    assert losses.title == "Losses"
    assert losses.schedule.due == datetime(2026, 2, 16, 22, 59, tzinfo=UTC)


def test_expected_files_are_named_after_the_assignment_then_its_topics(tmp_path):
    text = changed("    files: [work.py]\n", "")
    names = load(tmp_path, text).assignments["tp1"].files
    assert names == ("tp1.py", "tp1.ipynb", "losses.py", "losses.ipynb", "mlp.py", "mlp.ipynb")


@pytest.mark.parametrize(
    ("written", "points"),
    [
        ("0.1", Fraction(1, 10)),
        ("0.5", Fraction(1, 2)),
        ("1/3", Fraction(1, 3)),
        ('"2.50"', Fraction(5, 2)),
        ("1e-2", Fraction(1, 100)),
        (".5", Fraction(1, 2)),
        ("010", Fraction(10)),
        ("1.", Fraction(1)),
        ("0.12345678901234567", Fraction("0.12345678901234567")),
    ],
)
def test_numbers_are_exact(tmp_path, written, points):
    text = changed("mlp_backward: {points: 4}", f"mlp_backward: {{points: {written}}}")
    assert load(tmp_path, text).topics["mlp"][0].points == points


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("5 min", 300),
        ("0 min", 0),
        ("90s", 90),
        ("2 h 30 min", 9000),
        ("1 day 1 hour", 90000),
        ("2 hours", 7200),
        ("2 weeks", 1209600),
        ("1 week 3 days", 864000),
    ],
)
def test_durations_are_written_as_people_write_them(tmp_path, written, seconds):
    course = load(tmp_path, changed("grace: 5 min", f"grace: {written}"))
    assert course.assignments["mlp"].rules.grace == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("written", "utc"),
    [
        ("2026-02-16 23:59", datetime(2026, 2, 16, 22, 59, tzinfo=UTC)),
        ("2026-02-16T23:59:30", datetime(2026, 2, 16, 22, 59, 30, tzinfo=UTC)),
        ('"2026-02-16 23:59"', datetime(2026, 2, 16, 22, 59, tzinfo=UTC)),
        ("2026-02-16 23:59Z", datetime(2026, 2, 16, 23, 59, tzinfo=UTC)),
        ("2026-02-16 23:59 +05:30", datetime(2026, 2, 16, 18, 29, tzinfo=UTC)),
        ("2026-02-16 23:59-0800", datetime(2026, 2, 17, 7, 59, tzinfo=UTC)),
    ],
)
def test_dates_are_in_the_timezone_of_the_course_unless_they_say_otherwise(tmp_path, written, utc):
    course = load(tmp_path, changed("due: 2026-02-16 23:59", f"due: {written}"))
    due = course.assignments["tp1"].schedule.due
    assert due == utc
    assert due.tzinfo.key == "Europe/Paris"


def test_an_hour_that_comes_twice_can_be_said_with_an_offset():
    first = config.parse_moment("2026-10-25 02:30+02:00", "Europe/Paris", "--at")
    second = config.parse_moment("2026-10-25 02:30+01:00", "Europe/Paris", "--at")
    assert second.astimezone(UTC) - first.astimezone(UTC) == timedelta(hours=1)


def test_a_rule_of_the_course_can_be_switched_off_in_one_assignment(tmp_path):
    course = load(tmp_path, changed("score: {policy: gate}", "score: {late_penalty: null}"))
    assert course.assignments["tp1"].rules.late_penalty is None
    assert course.assignments["mlp"].rules.late_penalty is not None


def test_a_section_can_do_without_a_date(tmp_path):
    text = changed("evening: {class_end: 2026-02-10 20:30}", "remote: {class_end: null}")
    section = load(tmp_path, text).assignments["tp1"].sections["remote"]
    assert section.class_end is None
    assert section.due is not None


def test_rules_of_the_course_and_of_an_assignment_are_checked_together(tmp_path):
    text = changed(
        "  scale: 4\n  core: 2\n  starred: 2\n", "  scale: 20\n  core: 10\n  starred: 10\n"
    )
    text = changed("  class_cap: 1\n", "  class_cap: 5\n", text)
    text = changed("{policy: gate}", "{class_cap: 8}", text)
    assert load(tmp_path, text).assignments["tp1"].rules.class_cap == 8


def test_a_late_penalty_without_a_bound_may_take_everything(tmp_path):
    course = load(tmp_path, changed("per: 1 day, at_most: 2", "per: 1 day"))
    assert course.assignments["tp1"].rules.late_penalty.at_most == 4


def test_a_minimal_course_is_three_keys(tmp_path):
    text = "title: T\ntimezone: UTC\ntopics: {t: {exercises: {Value.backward: {points: 1}}}}\n"
    course = load(tmp_path, "\ufeff" + text)
    assert course.assignments["t"].exercises[0].key == "t.Value.backward"
    assert course.assignments["t"].rules == ScoreRules()
    assert course.assignments["t"].limits == Limits()
    assert course.assignments["t"].title == "t"


# --- what is wrong ---------------------------------------------------------------------------

# (what stands in BASE, what is written instead, where and what is said)
FAULTS = [
    ("title: A course", "title: 2026", "1:8: title: expected text, got 2026. Put it in quotes."),
    ("timezone: Europe/Paris", "timezone: Europe/Pariss", "2:11: timezone: expected a timezone, such as Europe/Paris, got 'Europe/Pariss'. Did you mean 'Europe/Paris'?"),
    ("device: cpu", "device: gpu", "3:9: device: expected cpu or cuda, got 'gpu'. Did you mean 'cpu'?"),
    ("  core: 2", "  core: yes", "6:9: score.core: expected a number, such as 2, 0.5 or 1/3, got 'yes'."),
    ("  policy: additive", "  policy: addition", "8:11: score.policy: expected additive or gate, got 'addition'. Did you mean 'additive'?"),
    ("  class_cap: 1", "  class_cap: 5", "9:14: score.class_cap: expected a number not above the scale 4, got 5."),
    ("  grace: 5 min", "  grace: 5", "10:10: score.grace: expected a duration, such as 5 min, 2 h 30 min or 1 day, got 5."),
    ("points: 0.5, per: 1 day", "points: 0.5, per: 0 min", "11:36: score.late_penalty.per: expected a duration above 0, got '0 min'."),
    ("  call_cpu_s: 5", "  cal_cpu_s: 5", "14:3: limits: unknown key 'cal_cpu_s'. Did you mean 'call_cpu_s'?"),
    ("  memory_bytes: 2 GiB", "  memory_bytes: 2 GB", "15:17: limits.memory_bytes: expected a size above 0, such as 64 KiB, 512 MiB or 2 GiB, got '2 GB'."),
    ("  float64: {rtol: 1e-7, atol: 1e-9}", "  float46: {rtol: 1e-7, atol: 1e-9}", "17:3: tolerances.float46: expected float64, float32, float16 or bfloat16, got 'float46'. Did you mean 'float64'?"),
    ("  autograd: {autograd: true}", "  autograd: {autograd: 1}", "19:24: forbidden.autograd.autograd: expected true or false, got 1."),
    ("names: [torch.softmax]", "names: [torch softmax]", "20:21: forbidden.softmax.names[0]: expected a dotted name, such as torch.nn.functional.softmax, got 'torch softmax'."),
    ('["aten::_softmax"]', "[_softmax]", "20:49: forbidden.softmax.operators[0]: expected an operator, such as aten::_softmax, got '_softmax'."),
    ("    forbid: [softmax]", "    forbid: [sofmax]", "24:14: topics.losses.forbid[0]: expected the name of a set under 'forbidden', got 'sofmax'. Did you mean 'softmax'?"),
    ("softmax: {points: 2}", "softmax: {points: true}", "26:25: topics.losses.exercises.softmax.points: expected a number, such as 2, 0.5 or 1/3, got true."),
    ("entropy: {points: 1, starred: true}", "entropy: {points: 1, starred: yes}", "27:37: topics.losses.exercises.entropy.starred: expected true or false, got 'yes'."),
    ("softmax_backward: {points: 3, ", "softmax_backward: {points: -3, ", "28:34: topics.losses.exercises.softmax_backward.points: expected a number above 0, got -3."),
    ("mlp_backward: {points: 4}", "mlp_backward: {}", "31:7: topics.mlp.exercises.mlp_backward: expected the key 'points', got none. Add it."),
    ("    due: 2026-02-16 23:59", "    due: 2026-02-30 23:59", "36:10: assignments.tp1.due: expected a date and a time that exist, got '2026-02-30 23:59'."),
    ("    closes: 2026-03-02 23:59", "    closes: 2026-02-02", "37:13: assignments.tp1.closes: expected a date and a time, such as 2026-02-09 18:30, got '2026-02-02'."),
    ("evening: {class_end: 2026-02-10 20:30}", "evening: {clas_end: 2026-02-10 20:30}", "39:17: assignments.tp1.sections.evening: unknown key 'clas_end'. Did you mean 'class_end'?"),
    ("    limits: {call_cpu_s: 7}", "    limits: {call_cpu_s: 0}", "41:26: assignments.tp1.limits.call_cpu_s: expected a number above 0, got 0."),
    ("files: [work.py]", "files: [work.txt]", "42:13: assignments.tp1.files[0]: expected a file name that ends in .py or .ipynb, got 'work.txt'."),
    ("      - losses.softmax\n", "      - losses.sofmax\n", "44:9: assignments.tp1.exercises[0]: expected an exercise, written topic.exercise, got 'losses.sofmax'. Did you mean 'losses.softmax'?"),
    ("{id: losses.entropy, points: 2, starred: false}", "{id: losses.entropy, points: 0, starred: false}", "45:38: assignments.tp1.exercises[1].points: expected a number above 0, got 0."),
    ("      - mlp.mlp_backward", "      - losses.entropy", "46:9: assignments.tp1.exercises[2]: expected each function once, got 'losses.entropy' after 'losses.entropy' on line 45. Take one out."),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "said"), FAULTS, ids=[one[1].strip() for one in FAULTS])
def test_a_fault_is_named_with_its_place(tmp_path, old, new, said):
    assert faults(tmp_path, changed(old, new)) == [f"grading_config.yml:{said}"]


@settings(derandomize=True, database=None, deadline=None, max_examples=60)
@given(chosen=st.sets(st.sampled_from(range(len(FAULTS))), min_size=1))
def test_all_faults_are_named_at_once_in_the_order_of_the_file(chosen, tmp_path_factory):
    text = BASE
    for index in chosen:
        text = changed(FAULTS[index][0], FAULTS[index][1], text)
    expected = [f"grading_config.yml:{FAULTS[index][2]}" for index in sorted(chosen)]
    assert faults(tmp_path_factory.mktemp("course"), text) == expected


# More of the kind, that would get in each other's way above.
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("entropy: {points: 1, starred: true}", "entropy: {points: 1, kind: by hand}", "27:34: topics.losses.exercises.entropy.kind: expected tested or manual, got 'by hand'."),
        ("entropy: {points: 1, starred: true}", "entropy: {points: 1, kind: manual, forbid: [softmax]}", "27:42: topics.losses.exercises.entropy.forbid: expected nothing here for an exercise that a person grades, got a list. Take it out."),
        ("mlp_backward: {points: 4}", "mlp_backward: {points: 4, kind: manual}", "30:5: topics.mlp.exercises: expected at least one exercise that suites grade, got manual exercises only. What only people grade is a column under 'external'."),
        ("timezone: Europe/Paris", "timezone: ../etc/passwd", "2:11: timezone: expected a timezone, such as Europe/Paris, got '../etc/passwd'."),
        ("timezone: Europe/Paris", "timezone:", "2:1: timezone: expected a timezone, such as Europe/Paris, got nothing."),
        ("title: A course\n", "", "1:1: expected the key 'title', got none. Add it."),
        ("device: cpu", "devise: cpu", "3:1: unknown key 'devise'. Did you mean 'device'?"),
        ("device: cpu", "device: cpu\ndevice: cpu", "4:1: unexpected second 'device'; the first is on line 3. Take one out."),
        ("device: cpu", "device: cpu\n? [1, 2]\n: 3", "4:3: expected a name before the ':'."),
        ("device: cpu", "device: !python/object cpu", "3:9: device: unexpected tag '!python/object'. Take it out."),
        ("device: cpu", "device: &where cpu", "3:9: device: unexpected anchor '&where'. Write the value out."),
        ("  core: 2", "  core: 3", "7:12: score.starred: expected core + starred = scale = 4, got 3 + 2."),
        ("  core: 2", "  core: -1", "6:9: score.core: expected a number that is not below 0, got -1."),
        ("  core: 2", "  core: .nan", "6:9: score.core: expected a number, such as 2, 0.5 or 1/3, got '.nan'."),
        ("  core: 2", "  core: 1e999", "6:9: score.core: expected a number, such as 2, 0.5 or 1/3, got '1e999'."),
        ("  core: 2", "  core: 1/0", "6:9: score.core: expected a number, such as 2, 0.5 or 1/3, got '1/0'."),
        ("  core: 2\n  starred: 2\n", "  core: 3\n", "4:1: score.starred: expected core + starred = scale = 4, got 3 + 2."),
        ("  rounding: 0.01", "  rounding: 0.3", "12:13: score.rounding: expected a divisor of the scale 4, got 0.3."),
        ("late_penalty: {points: 0.5, per: 1 day, at_most: 2}", "late_penalty: {points: 0.5}", "11:3: score.late_penalty: expected the key 'per', got none. Add it."),
        ("late_penalty: {points: 0.5, per: 1 day, at_most: 2}", "late_penalty: {pts: 0.5, points: 1, per: 1 h}", "11:18: score.late_penalty: unknown key 'pts'. Did you mean 'points'?"),
        ("late_penalty: {points: 0.5, per: 1 day, at_most: 2}", "late_penalty: 1", "11:17: score.late_penalty: expected a mapping (key: value), got 1."),
        ("  memory_bytes: 2 GiB", "  memory_bytes: 0.5", "15:17: limits.memory_bytes: expected a size above 0, such as 64 KiB, 512 MiB or 2 GiB, got 0.5."),
        ("  memory_bytes: 2 GiB", "  memory_bytes: 1", "15:17: limits.memory_bytes: expected at least 64 MiB, got 1."),
        ("  memory_bytes: 2 GiB", "  memory_bytes: 65535 KiB", "15:17: limits.memory_bytes: expected at least 64 MiB, got '65535 KiB'."),
        ("  memory_bytes: 2 GiB", "  reply_bytes: 1 KiB", "15:16: limits.reply_bytes: expected at least 1 MiB, got '1 KiB'."),
        ("  call_cpu_s: 5", "  call_cpu_s: 0.000001", "14:15: limits.call_cpu_s: expected at least 0.01, got 0.000001."),
        ("  call_cpu_s: 5", "  exercise_cpu_s: 1/1000", "14:19: limits.exercise_cpu_s: expected at least 0.01, got '1/1000'."),
        ("  call_cpu_s: 5", "  submission_cpu_s: 1e-3", "14:21: limits.submission_cpu_s: expected at least 0.01, got 1e-3."),
        ("  call_cpu_s: 5", "  import_cpu_s: 0.009", "14:17: limits.import_cpu_s: expected at least 0.01, got 0.009."),
        ("  call_cpu_s: 5", "  wall_min_s: 0.001", "14:15: limits.wall_min_s: expected at least 0.01, got 0.001."),
        ("  call_cpu_s: 5", "  wall_factor: 0.5", "14:16: limits.wall_factor: expected at least 1, got 0.5."),
        ("  float64: {rtol: 1e-7, atol: 1e-9}", "  float64: {rtol: 1e-7}", "17:3: tolerances.float64: expected the key 'atol', got none. Add it."),
        ("  autograd: {autograd: true}", "  autograd: {autograd: false}", "19:3: forbidden.autograd: expected names, operators or autograd: true, got a set that forbids nothing."),
        ("  autograd: {autograd: true}", "  autograd: {nmes: [torch], autograd: true}", "19:14: forbidden.autograd: unknown key 'nmes'. Did you mean 'names'?"),
        ("names: [torch.softmax]", "names: torch.softmax", "20:20: forbidden.softmax.names: expected a list, got 'torch.softmax'."),
        ("mlp_backward: {points: 4}", "mlp_backward: 4", "31:21: topics.mlp.exercises.mlp_backward: expected a mapping (key: value), got 4."),
        ("mlp_backward: {points: 4}", "mlp_backward: {points: 4, weight: 1}", "31:33: topics.mlp.exercises.mlp_backward: unknown key 'weight'. Known: points, starred, kind, forbid."),
        ("  tp1:\n", "  tp 1:\n", "33:3: assignments.tp 1: expected an assignment's name: letters, digits, _, - and ., got 'tp 1'."),
        ("class_end: 2026-02-09 18:30", "class_end: 2026-02-17 18:30", "36:10: assignments.tp1.due: expected a date not before class_end (2026-02-17 18:30), got 2026-02-16 23:59."),
        ("closes: 2026-03-02 23:59", "closes: 2026-02-16 23:58", "37:13: assignments.tp1.closes: expected a date not before due (2026-02-16 23:59), got 2026-02-16 23:58."),
        ("due: 2026-02-16 23:59", "due: 2026-02-16 25:00", "36:10: assignments.tp1.due: expected a date and a time that exist, got '2026-02-16 25:00'."),
        ("closes: 2026-03-02 23:59", "closes: 2026-03-29 02:30", "37:13: assignments.tp1.closes: expected a time that exists in Europe/Paris, got '2026-03-29 02:30'. The clocks go forward over it; write a time before or after."),
        ("closes: 2026-03-02 23:59", "closes: 2026-10-25 02:30", "37:13: assignments.tp1.closes: expected a time that comes only once in Europe/Paris, got '2026-10-25 02:30'. The clocks go back then; write 2026-10-25 02:30+02:00 or 2026-10-25 02:30+01:00."),
        ("evening: {class_end: 2026-02-10 20:30}", "evening: {class_end: 2026-02-18 20:30}", "39:7: assignments.tp1.sections.evening.due: expected a date not before class_end (2026-02-18 20:30), got 2026-02-16 23:59."),
        ("evening: {class_end: 2026-02-10 20:30}", "evening: {due: 2026-02-01 20:30}", "39:22: assignments.tp1.sections.evening.due: expected a date not before class_end (2026-02-09 18:30), got 2026-02-01 20:30."),
        ("evening: {class_end: 2026-02-10 20:30}", "evening:", "39:7: assignments.tp1.sections.evening: expected a mapping (key: value), got nothing."),
        ("score: {policy: gate}", "score: {scale: 2}", "40:5: assignments.tp1.score.starred: expected core + starred = scale = 2, got 2 + 2."),
        ("score: {policy: gate}", "score: {starred: 1}", "40:22: assignments.tp1.score.starred: expected core + starred = scale = 4, got 2 + 1."),
        ("score: {policy: gate}", "score: {core: 3}", "40:5: assignments.tp1.score.starred: expected core + starred = scale = 4, got 3 + 2."),
        ("score: {policy: gate}", "score: {class_cap: 1/3}", "40:5: assignments.tp1.score.rounding: expected a divisor of the class_cap 1/3, got 0.01."),
        ("    limits: {call_cpu_s: 7}", "    limits: {wall_s: 7}", "41:14: assignments.tp1.limits: unknown key 'wall_s'. Did you mean 'wall_min_s'?"),
        ("files: [work.py]", "files: []", "42:5: assignments.tp1.files: expected at least one entry, got an empty list."),
        ("files: [work.py]", "files: [a/work.py]", "42:13: assignments.tp1.files[0]: expected a file name that ends in .py or .ipynb, got 'a/work.py'."),
        ("      - losses.softmax\n", "      - entropie\n", "44:9: assignments.tp1.exercises[0]: expected an exercise, written topic.exercise, got 'entropie'. Known: losses.softmax, losses.entropy, losses.softmax_backward, mlp.mlp_backward."),
        ("      - losses.softmax\n", "      - softmax\n", "44:9: assignments.tp1.exercises[0]: expected an exercise, written topic.exercise, got 'softmax'. Did you mean 'losses.softmax'?"),
        ("      - losses.softmax\n", "      - {starred: true}\n", "44:9: assignments.tp1.exercises[0]: expected the key 'id', got none. Add it."),
        ("      - losses.softmax\n", "      - {id: losses.softmax, star: true}\n", "44:30: assignments.tp1.exercises[0]: unknown key 'star'. Did you mean 'starred'?"),
        ("      - losses.softmax\n", "      - 3\n", "44:9: assignments.tp1.exercises[0]: expected an exercise, written topic.exercise, got 3. Known: losses.softmax, losses.entropy, losses.softmax_backward, mlp.mlp_backward."),
        ("      - mlp.mlp_backward\n", "      - {id: losses.softmax}\n", "46:14: assignments.tp1.exercises[2].id: expected each function once, got 'losses.softmax' after 'losses.softmax' on line 44. Take one out."),
    ],
)  # fmt: skip
def test_other_faults_are_named_with_their_place(tmp_path, old, new, said):
    assert faults(tmp_path, changed(old, new)) == [f"grading_config.yml:{said}"]


def test_names_of_topics_exercises_and_assignments_are_names_of_folders_functions_and_files(
    tmp_path,
):
    text = BASE + "topics2:\n"  # an unknown key does not hide the others
    text = changed("  mlp:\n", "  ML P:\n", text)
    text = changed("      mlp_backward: {", "      mlp-backward: {", text)
    text = changed("      - mlp.mlp_backward\n", "", text)
    assert faults(tmp_path, text) == [
        "grading_config.yml:29:3: topics.ML P: expected a topic's name: a-z, 0-9 and _, a letter first, got 'ML P'.",
        "grading_config.yml:31:7: topics.ML P.exercises.mlp-backward: expected the name of a function, or Class.method, got 'mlp-backward'.",
        "grading_config.yml:46:1: unknown key 'topics2'. Did you mean 'topics'?",
    ]


def test_a_topic_without_exercises_is_a_fault(tmp_path):
    text = changed("    exercises:\n      mlp_backward: {points: 4}\n", "    exercises: {}\n")
    text = changed("      - mlp.mlp_backward\n", "", text)
    assert faults(tmp_path, text) == [
        "grading_config.yml:30:5: topics.mlp.exercises: expected at least one entry, got an empty mapping."
    ]


def test_an_assignment_without_exercises_is_a_fault_unless_it_is_a_topic(tmp_path):
    text = BASE + "  exam:\n    title: Exam\n  mlp: {}\n"
    assert faults(tmp_path, text) == [
        "grading_config.yml:47:3: assignments.exam: expected the key 'exercises', got none. Add it."
    ]


def test_two_functions_of_one_name_cannot_be_in_one_assignment(tmp_path):
    text = changed("mlp_backward: {points: 4}", "softmax: {points: 4}")
    text = changed("- mlp.mlp_backward", "- mlp.softmax", text)
    assert faults(tmp_path, text) == [
        "grading_config.yml:46:9: assignments.tp1.exercises[2]: expected each function once, got 'mlp.softmax' after 'losses.softmax' on line 44. Take one out."
    ]


def test_a_section_and_its_assignment_can_both_be_wrong(tmp_path):
    text = changed("due: 2026-02-16 23:59", "due: 2026-02-09 18:00")
    assert faults(tmp_path, text) == [
        "grading_config.yml:36:10: assignments.tp1.due: expected a date not before class_end (2026-02-09 18:30), got 2026-02-09 18:00.",
        "grading_config.yml:39:7: assignments.tp1.sections.evening.due: expected a date not before class_end (2026-02-10 20:30), got 2026-02-09 18:00.",
    ]


def test_a_fault_of_the_courses_rules_is_named_once_however_many_assignments_inherit_it(tmp_path):
    text = changed("  scale: 4\n", "  scale: 5\n  colour: red\n")
    text = changed("per: 1 day", "per: day", text)
    assert [line.split(": ")[1] for line in faults(tmp_path, text)] == [
        "score",
        "score.starred",
        "score.late_penalty.per",
    ]


def test_each_assignment_whose_rules_do_not_fit_is_named(tmp_path):
    text = BASE + "  mlp: {score: {scale: 2}}\n  losses: {score: {scale: 2}}\n"
    assert [line.split(": ")[1] for line in faults(tmp_path, text)] == [
        "assignments.mlp.score.starred",
        "assignments.losses.score.starred",
    ]


@pytest.mark.parametrize(
    "key", ["score", "limits", "topics", "assignments", "forbidden", "tolerances"]
)
@pytest.mark.parametrize("value", ["[1]", "3", "text", "null"])
def test_a_mapping_is_not_something_else(tmp_path, key, value):
    head = BASE[: re.search(rf"^{key}:", BASE, re.MULTILINE).start()]
    rest = BASE[len(head) :].partition("\n")[2]
    tail = rest[re.search(r"^\w|\Z", rest, re.MULTILINE).start() :]
    line = head.count("\n") + 1
    column = 1 if value == "[1]" else len(key) + 3
    shown = {"[1]": "a list", "text": "'text'", "null": "null"}.get(value, value)
    said = (
        f"grading_config.yml:{line}:{column}: {key}: expected a mapping (key: value), got {shown}."
    )
    assert said in faults(tmp_path, f"{head}{key}: {value}\n{tail}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("title: [1,\ntopics: {}", "2:11: expected YAML: while parsing a flow sequence expected ',' or ']'"),
        ("title:\n\t- b", "2:1: expected YAML: while scanning for the next token found character"),
        ("title: a: b", "1:9: expected YAML: mapping values are not allowed here. Look at quotes"),
        ("title: *nope", "1:8: expected YAML: found undefined alias 'nope'"),
        ("a: 1\n---\nb: 2", "2:1: expected YAML: expected a single document in the stream"),
        ("title: a\nb: x\x01y", "2:5: expected text, got the character U+0001. Take it out."),
        ('title: x\n"\\U00110000": 1', "2:2: expected YAML, got an escape or a version that does"),
        ("# nothing\n", "1:1: expected title, timezone and topics, got an empty file."),
        ("- a\n- b", "1:1: expected a mapping (key: value), got a list."),
        (b"title: ok\ntitle2: caf\xe9", "2:1: expected UTF-8, got the byte 0xe9. Save the file as"),
    ],
)  # fmt: skip
def test_what_is_not_yaml_is_named_with_its_place(tmp_path, text, said):
    (fault,) = faults(tmp_path, text)
    assert fault.startswith(f"grading_config.yml:{said}")


def test_an_alias_to_what_it_stands_in_is_a_fault_not_a_crash(tmp_path):
    assert "grading_config.yml:1:1: unexpected anchor '&all'. Write the value out." in faults(
        tmp_path, "&all\ntitle: *all\n"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('title: "\\ud800"\n', "1:8: title: expected text, got the character U+D800. Take it out."),
        ('title: "\\e[31m"\n', "1:8: title: expected text, got the character U+001B. Take it out."),
        ('"a\\nb": 1\n', "1:1: expected text, got the character U+000A. Take it out."),
        ('title: x\n"\\L": 1\n', "2:1: expected text, got the character U+2028. Take it out."),
        ('score: "\\ud800"\n', "1:8: score: expected text, got the character U+D800. Take it out."),
    ],
)
def test_what_no_terminal_can_show_is_a_fault_on_one_line(tmp_path, text, said):
    found = faults(tmp_path, text)
    assert f"grading_config.yml:{said}" in found
    assert all(line.startswith("grading_config.yml:") for line in found)


def test_aliases_of_aliases_do_not_fill_memory(tmp_path):
    names = "abcdefghijklmnopqrstuvwxyz"
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    for one, before in zip(names[1:], names, strict=False):
        lines.append(f"{one}: &{one} [{', '.join([f'*{before}'] * 9)}]")
    found = faults(tmp_path, "\n".join(lines))
    assert "grading_config.yml:1:4: a: unexpected anchor '&a'. Write the value out." in found


@pytest.mark.parametrize("text", ["a: " + "[" * 1000, "- " * 2000, "{a: " * 1000])
def test_what_is_nested_too_deeply_is_said(tmp_path, text):
    (fault,) = faults(tmp_path, text)
    assert fault == (
        "grading_config.yml:1:1: expected a few levels of brackets and indents, got hundreds."
        " Look for brackets that are never closed."
    )


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(ConfigError, match=r"grading_config.yml: expected a readable file, got: No"):
        config.load(tmp_path)


# --- where the course is, and what else is offered -------------------------------------------


def test_the_course_is_found_from_any_folder_or_file_inside_it(tmp_path):
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "grading_config.yml").touch()
    (tmp_path / "a/file.py").touch()
    for start in (tmp_path, tmp_path / "a/b", tmp_path / "a/file.py"):
        assert config.find_course(start) == tmp_path


def test_outside_of_a_course_the_message_says_what_to_do(tmp_path):
    with pytest.raises(ConfigError, match=r"expected grading_config.yml here or in a folder above"):
        config.find_course(tmp_path)


def test_a_time_that_does_not_exist_is_refused_on_the_command_line_too():
    said = (
        r"^--at: expected a time that exists in Europe/Paris, got '2026-03-29 02:30'\. The clocks"
    )
    with pytest.raises(ConfigError, match=said):
        config.parse_moment("2026-03-29 02:30", "Europe/Paris", "--at")


def test_the_committed_schema_is_current(tmp_path):
    config.write_schema(tmp_path / "schema.json")
    committed = REPOSITORY / "docs/schemas/grading_config.schema.json"
    assert committed.read_text() == (tmp_path / "schema.json").read_text(), (
        "call config.write_schema on it"
    )


def test_limits_that_right_answers_can_just_keep_are_accepted(tmp_path):
    lowest = "{call_cpu_s: 0.01, wall_factor: 1, memory_bytes: 64 MiB, reply_bytes: 1 MiB}"
    text = changed("    limits: {call_cpu_s: 7}", f"    limits: {lowest}")
    limits = load(tmp_path, text).assignments["tp1"].limits
    assert (limits.call_cpu_s, limits.wall_factor) == (0.01, 1)
    assert (limits.memory_bytes, limits.reply_bytes) == (64 << 20, 1 << 20)


def test_editors_accept_what_the_tool_accepts_and_refuse_an_unknown_key():
    validator = jsonschema.Draft202012Validator(config.schema())
    text = (REPOSITORY / "grading_config.yml").read_text()
    assert text.startswith(
        "# yaml-language-server: $schema=docs/schemas/grading_config.schema.json\n"
    )
    for one in (text, BASE):
        data = json.loads(json.dumps(YAML(typ="safe", pure=True).load(one), default=str))
        assert validator.is_valid(data)
        assert not validator.is_valid(data | {"titel": "x"})
        data["limits"]["wall_s"] = 5
        assert not validator.is_valid(data)


@settings(derandomize=True, database=None, deadline=None, max_examples=60)
@given(at=st.integers(0, len(BASE)), cut=st.integers(0, 30), put=st.text(max_size=6))
def test_whatever_is_typed_is_read_or_named_never_a_crash(at, cut, put, tmp_path_factory):
    text = BASE[:at] + put + BASE[at + cut :]
    said, topics = "", {}
    try:
        topics = load(tmp_path_factory.mktemp("course"), text).topics
    except ConfigError as fault:
        said = str(fault)
    assert topics or said
    assert all(line.startswith("grading_config.yml:") for line in said.splitlines())


# --- exercises that a person grades -----------------------------------------------------------

MANUAL = changed("entropy: {points: 1, starred: true}", "entropy: {points: 1, kind: manual}")


def test_a_manual_exercise_is_in_assignments_and_no_suite_knows_it(tmp_path):
    course = load(tmp_path, MANUAL)
    assert [one.id for one in course.topics["losses"]] == ["softmax", "softmax_backward"]
    default, tp1 = course.assignments["losses"], course.assignments["tp1"]
    assert [one.manual for one in default.exercises] == [False, True, False]
    assert [(one.key, one.manual) for one in tp1.exercises] == [
        ("losses.softmax", False), ("losses.entropy", True), ("mlp.mlp_backward", False),
    ]  # fmt: skip
    assert tp1.exercises[1].forbidden == ()
    assert [one.key for one in tp1.tested.exercises] == ["losses.softmax", "mlp.mlp_backward"]


def test_an_assignment_needs_an_exercise_that_suites_grade(tmp_path):
    text = changed("      - losses.softmax\n", "", MANUAL)
    text = changed("      - mlp.mlp_backward\n", "", text)
    (said,) = faults(tmp_path, text)
    assert said == (
        "grading_config.yml:43:5: assignments.tp1.exercises: expected at least one exercise that"
        " suites grade, got manual exercises only."
        " What only people grade is a column under 'external'."
    )


# --- the course grade -------------------------------------------------------------------------

GRADED = (
    BASE
    + "external:\n  project: {title: The project, scale: 20}\n  quiz: {scale: 10}\n"
    + "course_grade:\n  scale: 20\n  formula: (tp1 + max(project, quiz)) / 2\n  rounding: 0.5\n"
)


def test_external_columns_and_the_course_grade_arrive(tmp_path):
    course = load(tmp_path, GRADED)
    assert [(one.name, one.title, one.scale) for one in course.external.values()] == [
        ("project", "The project", 20), ("quiz", "quiz", 10),
    ]  # fmt: skip
    assert course.course_grade == CourseGrade(
        formula="(tp1 + max(project, quiz)) / 2", scale=Fraction(20), rounding=Fraction(1, 2)
    )
    assert load(tmp_path, BASE).course_grade is None
    topic = load(tmp_path, changed("(tp1 + max(project, quiz)) / 2", "losses", GRADED))
    assert topic.course_grade.formula == "losses"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("project: {title: The project, scale: 20}", "project: {title: The project}", "48:3: external.project: expected the key 'scale', got none. Add it."),
        ("project: {title: The project, scale: 20}", "project: {scale: 0}", "48:20: external.project.scale: expected a number above 0, got 0."),
        ("  quiz: {scale: 10}", "  quiz: {scale: 10}\n  my quiz: {scale: 10}", "50:3: external.my quiz: expected a column's name: letters, digits and _, got 'my quiz'."),
        ("  quiz: {scale: 10}", "  quiz: {scale: 10}\n  max: {scale: 10}", "50:3: external.max: expected another name: a formula has this word, got 'max'."),
        ("  quiz: {scale: 10}", "  quiz: {scale: 10}\n  tp1: {scale: 10}", "47:1: external: expected names that no assignment has, got 'tp1'."),
        ("  quiz: {scale: 10}", "  quiz: {scale: 10}\n  mlp: {scale: 10}", "47:1: external: expected names that no assignment has, got 'mlp'."),
        ("(tp1 + max(project, quiz)) / 2", "(tp1 + projekt) / 2", "52:12: course_grade.formula: expected an assignment or a column under 'external', got 'projekt'. Did you mean 'project'?"),
        ("(tp1 + max(project, quiz)) / 2", "(tp1 + quiz / 2", "52:12: course_grade.formula: expected ')', got the end."),
        ("(tp1 + max(project, quiz)) / 2", "__import__('os').system('x')", "52:12: course_grade.formula: expected names, numbers, + - * / ( ) and commas, got \"'os').system('x')\"."),
        ("(tp1 + max(project, quiz)) / 2", "tp1 / quiz", "52:12: course_grade.formula: expected a number below '/', got 'quiz'."),
        ("(tp1 + max(project, quiz)) / 2", "17 + 3", "52:12: course_grade.formula: expected a formula with the name of a score, got '17 + 3'."),
        ("(tp1 + max(project, quiz)) / 2", "17", "52:12: course_grade.formula: expected a formula, such as (tp1 + project) / 2, got 17."),
        ("rounding: 0.5", "rounding: 3", "53:13: course_grade.rounding: expected a divisor of the scale 20, got 3."),
        ("course_grade:\n  scale: 20\n", "course_grade:\n", "50:1: course_grade: expected the key 'scale', got none. Add it."),
    ],
)  # fmt: skip
def test_a_fault_of_the_course_grade_is_named_with_its_place(tmp_path, old, new, said):
    assert faults(tmp_path, changed(old, new, GRADED)) == [f"grading_config.yml:{said}"]
