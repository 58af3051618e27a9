"""The straight line in steps: collect, grade, grade again; what is done once is not done twice."""

import json
from datetime import UTC, datetime

import jsonschema
import pytest

from autograder import desk as instructor
from autograder import pipeline
from autograder.cli import main
from autograder.errors import ConfigError
from tests.autograder import layers

MONDAY = "2026-02-09 18:25"


class Planned(Exception):  # noqa: N818 -- how a test stops a run, no error
    """What a run would examine, had it been let."""

    def __init__(self, total, known):
        super().__init__(total, known)
        self.total, self.known = total, known


class Watch:
    """Stops a run that has anything to examine."""

    def __init__(self):
        self.known = None

    def begin(self, isolation, total, known):
        self.known = known
        if total:
            raise Planned(total, known)


def request(desk, **changes) -> pipeline.Request:
    given = {"course_dir": desk.course, "source": None, "assignment": "layers", "out": desk.out}
    return pipeline.Request(**given | changes)


def grade(desk, **changes):
    """Grade without examining anything."""
    return pipeline.grade(request(desk, **changes), Watch())


def planned(desk, **changes) -> int:
    """Return how many attempts a run would examine."""
    watch = Watch()
    try:
        pipeline.grade(request(desk, **changes), watch)
    except Planned as plan:
        return plan.total
    return 0


def records(desk):
    folder = desk.out / "records"
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*.json")}


@pytest.fixture
def desk(graded, tmp_path) -> layers.Desk:
    """Return the graded class, to be changed."""
    return graded.copy(tmp_path)


# --- what has not changed ---------------------------------------------------------------------


def test_what_has_not_changed_is_not_examined_again(desk, graded, capsys):
    before = records(desk)
    assert main(desk.grading()) == 0
    assert records(desk) == before
    assert desk.files() == graded.files()
    assert "attempts to examine: 0; 10 not changed" in capsys.readouterr().err


def test_grading_without_a_source_grades_what_out_knows(desk, graded):
    (desk.out / "grades.csv").unlink()
    summary = grade(desk)
    assert len(summary.rows) == 11
    assert desk.files() == graded.files()


def test_out_and_course_may_be_moved_between_two_runs(graded, tmp_path):
    moved = graded.copy(tmp_path / "somewhere" / "else")
    assert planned(moved) == 0


def test_force_examines_everything_again(desk):
    assert planned(desk, force=True) == 10


def test_results_that_are_lost_or_damaged_are_made_again_without_examining(desk, graded):
    folder = desk.out / "results" / "layers"
    (folder / "einsum.json").unlink()
    (folder / "notebook.json").write_bytes(b'{"schema": "gradlab/resu')
    grade(desk)
    assert desk.files() == graded.files()


@pytest.mark.parametrize("damage", [b"", b'{"schema": "gradlab/record/v1"', b"[]", b"{}", b"\xff"])
def test_a_damaged_record_is_examined_again(desk, damage):
    next((desk.out / "records" / "layers" / "einsum").iterdir()).write_bytes(damage)
    assert planned(desk) == 1


# --- where things may lie ---------------------------------------------------------------------


@pytest.mark.parametrize("out", ["handed-in", "handed-in/out", "link/out"])
@pytest.mark.parametrize("command", [pipeline.collect, lambda one: pipeline.grade(one, Watch())])
def test_out_inside_source_would_be_handed_in(desk, command, out):
    (desk.folder / "link").symlink_to(desk.source)
    said = f"^-o: expected a folder apart from {desk.source}, got .*{out}. Name another one.$"
    with pytest.raises(ConfigError, match=said):
        command(request(desk, source=desk.source, out=desk.folder / out))
    assert not list(desk.source.rglob(".lock"))


def test_source_inside_what_out_keeps_would_be_handed_in(desk):
    source = desk.out / "submissions" / "blobs"
    with pytest.raises(ConfigError, match="^-o: expected a folder apart from .*/blobs, got"):
        pipeline.collect(request(desk, source=source))


@pytest.mark.parametrize("command", [pipeline.collect, lambda one: pipeline.grade(one, Watch())])
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("source", "expected a folder or a .zip, .py or .ipynb file named after each student"),
        ("roster", "roster.csv:1: expected the columns"),
        ("worksheet", "expected a download of Moodle or Canvas to go with --worksheet"),
        ("at", "expected a date and a time, such as 2026-02-09 18:30, got 'soon'"),
    ],
)
def test_a_fault_before_anything_is_read_leaves_no_out_behind(tmp_path, command, wrong, said):
    desk = layers.desk(tmp_path, "own-class")
    (tmp_path / "empty").mkdir()
    (tmp_path / "roster.csv").write_text("who\nana\n")
    changes = {
        "source": {"source": tmp_path / "empty"},
        "roster": {"roster": tmp_path / "roster.csv"},
        "worksheet": {"worksheet": tmp_path / "roster.csv"},
        "at": {"at": "soon"},
    }[wrong]
    out = tmp_path / "new" / "out"
    with pytest.raises(ConfigError, match=said):
        command(request(desk, **{"source": desk.source, "out": out} | changes))
    assert not out.parent.exists()


# --- what only scores again -------------------------------------------------------------------


def score_of(desk, student):
    return desk.document("results", student)["score"]


def policy_of(desk):
    return desk.document("results", "einsum")["environment"]["policy_sha256"]


def test_another_policy_only_scores_again(desk):
    before = policy_of(desk)
    desk.config.write_text(desk.config.read_text() + "score: {policy: gate, rounding: 0.5}\n")
    grade(desk)
    assert score_of(desk, "known-mistakes")["value"] == 1.5
    assert policy_of(desk) != before


def test_other_points_and_stars_only_score_again(desk):
    before = policy_of(desk)
    desk.replace("grading_config.yml", "relu_forward: {points: 1}", "relu_forward: {points: 7}")
    grade(desk)
    assert score_of(desk, "known-mistakes")["value"] == pytest.approx(2 * 10 / 11, abs=0.005)
    found = {one["id"]: one for one in desk.document("results", "einsum")["exercises"]}
    assert (found["relu_forward"]["points"], found["relu_forward"]["max_points"]) == (7, 7)
    assert policy_of(desk) != before


def test_dates_only_score_again_and_unknown_times_cost_nothing(desk):
    desk.config.write_text(
        desk.config.read_text() + "assignments: {layers: {class_end: 2026-02-09 18:30}}\n"
    )
    grade(desk)
    assert desk.grades()["tuple-cache"]["score"] == "4"
    grade(desk, source=desk.source, at="2026-02-09 19:00")
    assert desk.grades()["tuple-cache"]["score"] == "1"
    assert desk.document("feedback", "tuple-cache")["score"]["caps"][0]["limit"] == 1


def test_the_ledger_only_scores_again(desk):
    instructor.decide(request(desk), "einsum", kind="override", value="3.5", why="viva", by="sam")
    grade(desk)
    assert desk.grades()["einsum"]["score"] == "3.5"
    assert "viva" not in json.dumps(desk.document("feedback", "einsum"))


def test_one_students_decision_leaves_the_others_results_alone(desk, graded):
    instructor.decide(request(desk), "einsum", kind="override", value="3.5", why="viva", by="sam")
    grade(desk)
    others = {name for name in graded.documents("results") if name != "einsum"}
    before, after = graded.documents("results"), desk.documents("results")
    for name in others:
        for document in (before[name], after[name]):
            del document["graded_at"]
        assert before[name] == after[name], name


# --- what is examined again -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("tests/hidden/test_layers.py", "[1, 5]", "[1, 6]"),
        ("tests/public/test_layers.py", "3.0, 4.0", "3.0, 5.0"),
        ("reference/layers/mistakes.py", "seen in 7", "seen in 8"),
        ("reference/layers/solution.py", "# ## ReLU", "# ## The ReLU"),
        ("reference/layers/alternatives.py", "Add outer", "Sum outer"),
        ("grading_config.yml", "call_cpu_s: 1", "call_cpu_s: 2"),
        ("grading_config.yml", "numpy.einsum", "numpy.dot"),
    ],
)
def test_another_suite_reference_or_limit_examines_all_again(desk, path, old, new):
    desk.replace(path, old, new)
    assert planned(desk) == 10


def test_other_tolerances_examine_all_again(desk):
    tolerances = "tolerances: {float64: {rtol: 1e-3, atol: 1e-3}}\n"
    desk.config.write_text(desk.config.read_text() + tolerances)
    assert planned(desk) == 10


def test_a_suite_of_another_topic_changes_nothing(desk):
    (desk.course / "tests" / "hidden" / "test_other.py").write_text("raise RuntimeError\n")
    assert planned(desk) == 0


def test_only_the_new_attempt_is_examined(desk):
    desk.write("stub", "def relu_forward(x):\n    return x, x\n")
    assert planned(desk, source=desk.source) == 1
    (submission,) = [
        one
        for one in pipeline.collect(request(desk, source=desk.source)).submissions
        if one.student_id == "stub"
    ]
    assert len(submission.attempts) == 1
    assert len(desk.document("submissions", "stub")["attempts"]) == 2


# --- collect first, grade later ---------------------------------------------------------------


def test_attempts_accumulate_and_the_one_in_time_lifts_the_cap_of_the_final_one(tmp_path):
    desk = layers.desk(tmp_path, "stub", "tuple-cache")
    dates = "assignments: {layers: {class_end: 2026-02-09 18:30}}\n"
    desk.config.write_text(desk.config.read_text() + dates)
    half = (desk.source / "tuple-cache" / "layers.py").read_text().replace("cache > 0", "cache")
    desk.write("stub", half)
    pipeline.collect(request(desk, source=desk.source, at=MONDAY))
    assert not (desk.out / "results").exists()

    desk.write("stub", half.replace("* (cache)", "* (cache > 0)"))
    desk.write("tuple-cache", half)
    desk.grade()
    assert len(desk.document("results", "stub")["attempts"]) == 2
    assert {name: row["score"] for name, row in desk.grades().items()} == {
        "stub": "4",  # something was there in time; the final version has no known time
        "tuple-cache": "4",  # the best attempt counts
    }
    assert desk.document("results", "tuple-cache")["graded_attempt"] == 1


def test_times_may_come_later(desk):
    table = "student_id,submitted_at\ntuple-cache,2026-02-09T18:20\n"
    (desk.source / "submissions.csv").write_text(table)
    grade(desk, source=desk.source)
    (attempt,) = desk.document("results", "tuple-cache")["attempts"]
    assert attempt["time_source"] == "submissions.csv"
    assert datetime.fromisoformat(attempt["submitted_at"]) == datetime(
        2026, 2, 9, 18, 20, tzinfo=UTC
    )


# --- the run ----------------------------------------------------------------------------------


def test_the_seed_is_kept_and_keeps_to_its_schema(desk):
    document = json.loads((desk.out / "run.json").read_text())
    assert document["seed"] == int(layers.SEED)
    schema = layers.ROOT / "docs" / "schemas" / "run.v1.schema.json"
    jsonschema.validate(document, json.loads(schema.read_text()))
    assert desk.document("results", "einsum")["environment"]["seed"] == int(layers.SEED)


def test_another_seed_is_refused(desk):
    with pytest.raises(ConfigError, match=r"run.json: expected the seed 7 .* got 8. Leave --seed"):
        grade(desk, seed=8)


def test_a_new_out_gets_a_random_seed(tmp_path):
    seeds = set()
    for name in ("one", "two"):
        desk = layers.desk(tmp_path / name, "stub")
        assert planned(desk, source=desk.source) == 1
        seeds.add(json.loads((desk.out / "run.json").read_text())["seed"])
    assert len(seeds) == 2


def test_an_out_that_knows_nothing_needs_a_source(tmp_path):
    desk = layers.desk(tmp_path, "stub")
    with pytest.raises(ConfigError, match="out: expected attempts .* Name the folder"):
        grade(desk)


def test_a_second_grader_is_refused_while_one_is_at_work(desk):
    class Second(Watch):
        def begin(self, *_):
            done = layers.gradlab(*desk.grading())
            assert done.returncode == 2
            assert "expected no other grader at work here, got process" in done.stderr

    pipeline.grade(request(desk), Second())


def test_an_unknown_assignment_is_refused(desk):
    with pytest.raises(ConfigError, match="-a: expected an assignment out of layers, got 'mlp'"):
        grade(desk, assignment="mlp")


def test_what_could_not_be_read_back_is_noted_once(desk):
    (desk.out / "submissions" / "layers" / "stub.json").write_bytes(b"{")
    (note,) = grade(desk).notes
    assert "stub.json: unreadable, so it counts as absent" in note


# --- times that nobody knows ------------------------------------------------------------------

UNTIMED = (
    "without a known time: taken as handed in on time, with no cap and no late penalty. To say"
    " when: gradlab collect with --at or --worksheet, or SOURCE/submissions.csv"
    " (student_id,submitted_at); then grade again."
)


def test_attempts_without_a_time_are_noted_where_dates_depend_on_it(desk):
    source = {"source": desk.source}
    assert not any("known time" in note for note in grade(desk).notes)  # there are no dates
    dates = "assignments:\n  layers: {sections: {late: {due: 2026-02-10 18:30}}}\n"
    desk.config.write_text(desk.config.read_text() + dates)
    assert grade(desk).notes[-1] == f"10 attempts {UNTIMED}"
    assert pipeline.collect(request(desk, **source)).notes[-1] == f"10 attempts {UNTIMED}"
    table = desk.source / "submissions.csv"
    table.write_text(f"student_id,submitted_at\neinsum,{MONDAY}\n")
    assert pipeline.collect(request(desk, **source)).notes[-1] == f"9 attempts {UNTIMED}"
    table.unlink()
    found = pipeline.collect(request(desk, at=MONDAY, **source))
    assert not any("known time" in note for note in found.notes)
    assert not any("known time" in note for note in grade(desk).notes)


# --- sections ---------------------------------------------------------------------------------


def test_a_section_of_another_assignment_is_known_and_a_misspelt_one_is_not(tmp_path):
    desk = layers.desk(tmp_path, "own-class")
    roster = desk.course / "roster.csv"
    dates = "{class_end: 2026-02-09 18:30, sections: {late: {class_end: 2026-02-10 18:30}, B: {}}}"
    exercises = "{exercises: [layers.relu_backward]}"
    desk.config.write_text(
        f"{desk.config.read_text()}assignments:\n  other: {dates[:-1]}, {exercises[1:]}\n"
    )

    def collect(section) -> None:
        roster.write_text(f"student_id,name,section\nown-class,Ken Ray,{section}\n")
        desk.collect("--roster", str(roster))

    collect("late")
    collect("B")
    course, layers_ = pipeline.configured(request(desk))
    assert (layers_.sections, list(course.assignments["other"].sections)) == ({}, ["late", "B"])
    assert course.assignments["other"].sections["B"] == course.assignments["other"].schedule
    roster.write_text("student_id,name,section\nown-class,Ken Ray,lete\n")
    with pytest.raises(ConfigError, match=r"^roster.csv:2: .* out of late, B, got 'lete'"):
        pipeline.collect(request(desk, source=desk.source, roster=roster))


# --- teams ------------------------------------------------------------------------------------


def test_a_teams_submission_is_graded_for_each_member_by_the_members_own_dates(tmp_path):
    desk = layers.desk(tmp_path, "own-class")
    (desk.source / "own-class").rename(desk.source / "ken-ray")
    lines = ["student_id,name,section,team", "ken-ray,Ken Ray,,red", "lea-fox,Lea Fox,late,red"]
    (desk.course / "roster.csv").write_text("\n".join(lines))
    dates = "{class_end: 2026-02-09 18:30, sections: {late: {class_end: 2026-02-10 18:30}}}"
    desk.config.write_text(desk.config.read_text() + f"assignments: {{layers: {dates}}}\n")
    desk.collect("--roster", str(desk.course / "roster.csv"), "--at", "2026-02-10 12:00")
    desk.grade()
    assert {who: row["score"] for who, row in desk.grades().items()} == {
        "ken-ray": "1", "lea-fox": "4",
    }  # fmt: skip
    decision = {"kind": "excuse", "why": "ill", "by": "sam"}
    instructor.decide(request(desk), "ken-ray", **decision)
    grade(desk)
    assert {row["score"] for row in desk.grades().values()} == {"4"}
    for mine, other in (("ken-ray", "lea-fox"), ("lea-fox", "ken-ray")):
        feedback = json.dumps(desk.document("feedback", mine)).lower()
        assert other not in feedback
        assert not set(other.split("-")) & set(feedback.replace('"', " ").split())
