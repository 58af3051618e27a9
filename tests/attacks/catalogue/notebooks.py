"""Notebooks: live outputs, forged metadata of other graders, and cells that are none."""

import json

from tests.attacks.record import BANNER, Attack, Content, Files, failed, honest

RIGHT = f'print("{BANNER}")\n\ndef scale(x, factor):\n    return x * factor\n'
WRONG = f'print("{BANNER}")\n\ndef scale(x, factor):\n    return x\n'
SCRIPT = "<script>alert('live output')</script>"


def notebook(*cells: dict[str, object], **more: object) -> dict[str, Content]:
    """Return a submission of one notebook."""
    document = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5} | more
    return {"small.ipynb": json.dumps(document)}


def code(source: object, **more: object) -> dict[str, object]:
    """Return a code cell."""
    return {"cell_type": "code", "metadata": {}, "outputs": [], "source": source} | more


def _outputs() -> list[dict[str, object]]:
    data = {
        "text/html": SCRIPT,
        "image/svg+xml": f"<svg onload='x'>{SCRIPT}</svg>",
        "application/javascript": "document.location = 'live output'",
        "text/plain": "\x1b]0;live output\x07",
    }
    return [{"output_type": "display_data", "data": data, "metadata": {}}]


def _many() -> Files:
    cells = [{"cell_type": "code", "source": ""}] * 1_000_000
    cells.append(code(RIGHT))
    return {"small.ipynb": json.dumps({"cells": cells, "nbformat": 4}, separators=(",", ":"))}


FORGED = {
    "nbgrader": {
        "grade": True,
        "grade_id": "scale",
        "points": 100,
        "locked": True,
        "solution": False,
        "schema_version": 3,
    },
    "otter": {"tests": ["scale"], "score": 100, "show_question_points": True},
    "deletable": False,
}

ATTACKS = (
    Attack(
        name="live-outputs",
        tries="hands in outputs with scripts, for whoever shows them",
        files=notebook(code(RIGHT, outputs=_outputs())),
        ends={"scale": honest()},
    ),
    Attack(
        name="forged-metadata",
        tries="gives itself a hundred points in the metadata that nbgrader and otter read",
        files=notebook(
            code(WRONG, metadata=FORGED), metadata={"otter": FORGED["otter"], "score": 4}
        ),
        ends={"scale": failed("value")},
        undefended="metadata",
    ),
    Attack(
        name="million-cells",
        tries="has a million empty cells",
        files=_many,
        status="unreadable",
        problem="",
    ),
    Attack(
        name="odd-cells",
        tries="writes cells as text, lists, numbers and nothing, and sources as objects",
        files=notebook(
            *("text", ["list"], 5, None, {}, {"cell_type": ["code"]}),  # type: ignore[arg-type]
            *(code({"a": 1}), code([1, None, ["x"]]), code(None), code(7)),
            code(RIGHT.splitlines(keepends=True)),
        ),
        ends={"scale": honest()},
        undefended="unreadable",
    ),
    Attack(
        name="odd-format",
        tries="claims a format of the future, and cells in two places",
        files=notebook(
            code(RIGHT), nbformat=999, nbformat_minor="x", worksheets=[{"cells": [code("1 +")]}, 5]
        ),
        ends={"scale": honest()},
        undefended="unreadable",
    ),
    Attack(
        name="magics",
        tries="runs shells and scripts by IPython's magics",
        files=notebook(
            code("!touch slipped\n%system touch slipped\nfiles = !ls /"),
            code("%%bash\ntouch slipped"),
            code("%%javascript\nalert('live output')"),
            code("get_ipython().system('touch slipped')\n" + RIGHT),
        ),
        ends={"scale": honest()},
    ),
    Attack(
        name="rewrite-the-cells",
        tries="has IPython replace every later cell, tests among them, by nothing",
        files=notebook(
            code("get_ipython().input_transformers_post.append(lambda lines: ['pass'])"),
            code("import builtins\nbuiltins.exec = builtins.compile = lambda *_, **__: None"),
            code(WRONG),
        ),
        ends={"scale": failed("value", "exception")},
    ),
    Attack(
        name="surrogates-in-a-cell",
        tries="writes lone surrogates and NUL bytes into its cells",
        files=notebook(code("x = '\ud800\udfff'\n" + RIGHT), code("y = '\0'")),
        ends={"scale": honest()},
    ),
    Attack(
        name="notebook-and-module",
        tries="hands in a wrong notebook with full marks and a right module of another name",
        files={
            **notebook(code(WRONG, metadata=FORGED)),
            "small (1).py": RIGHT,
        },
        ends={"scale": honest()},
    ),
)
