"""Names and ids: what spreadsheets, terminals, YAML and file systems make of them."""

from tests.attacks.record import BANNER, Attack, honest

RIGHT = f'print("{BANNER}")\ndef scale(x, factor): return x * factor\n'
FORMULA = '=HYPERLINK("http://evil","click")'
RED = "\x1b[31mred\x1b[0m\x1b]0;title\x07"


def _called(name: str, tries: str, called: str, undefended: str = "spreadsheet") -> Attack:
    return Attack(
        name=name,
        tries=tries,
        called=called,
        files={"small.py": RIGHT},
        ends={"scale": honest()},
        undefended=undefended,
    )


def _refused(name: str, tries: str, folder: str) -> Attack:
    files = {"small.py": RIGHT}
    return Attack(name=name, tries=tries, refused=folder, files=files, status="not_submitted")


ATTACKS = (
    _called("formula", "has a name that a spreadsheet runs", FORMULA),
    _called("formula-plus", "has a name that begins with a plus", "+1+cmd|' /C calc'!A0"),
    _called("formula-minus", "has a name that begins with a minus", "-2+3"),
    _called("formula-at", "has a name that begins with an at sign", "@SUM(1+1)*cmd"),
    _called("formula-wide", "has a name with a wide equals sign", "\uff1d1+1"),
    _called(
        "newline-in-a-name",
        "has a name of two lines, the second of which is another student's row",
        "Eve\n000-b-perfect,Eve,small,4,4,,graded,,,",
        "second row",
    ),
    _called("quotes-in-a-name", "has a name that closes the cell", '"",4,"', "second row"),
    _called("escapes-in-a-name", "has a name that paints the terminal", RED, "terminal"),
    _called(
        "direction-in-a-name",
        "has a name that turns the line around",
        "\u202eevE\u2066",
        "terminal",
    ),
    _called("yaml-name", "has a name that YAML runs", "!!python/object/apply:os.system [id]", ""),
    _refused(
        "confusable-folder", "calls itself as another student, with a Cyrillic a", "000-\u0430"
    ),
    _refused("escapes-in-a-folder", "names its folder so that it paints the terminal", RED[:9]),
    _refused("newline-in-a-folder", "names its folder in two lines", "eve\ngrades: /etc/passwd"),
    _refused("formula-folder", "names its folder as a formula", "=1+1"),
    Attack(
        name="file-names",
        tries="names files with escapes, line ends, direction marks and bytes that are no text",
        files={
            "small.py": RIGHT,
            "a\x1b[31m.py": "x = 1\n",
            "b\nc.py": "x = 1\n",
            "\u202eyp.d": "x = 1\n",
            "e\udcff.py": "x = 1\n",
            "=1+1.csv": "x",
        },
        ends={"scale": honest()},
    ),
    Attack(
        name="named-as-ours",
        tries="names files as modules that graders import: conftest, sitecustomize, torch, tests",
        files={
            "small.py": "import torch, conftest\n" + RIGHT,
            "conftest.py": "raise SystemExit('imported')\n",
            "sitecustomize.py": "raise SystemExit('imported')\n",
            "torch.py": "raise SystemExit('imported')\n",
            "test_small.py": "raise SystemExit('imported')\n",
            "grading_config.yml": "topics: !!python/object/apply:os.system [id]\n",
            "submissions.csv": "student_id,submitted_at\n000-b-perfect,1999-01-01T00:00\n",
        },
        ends={"scale": honest()},
        undefended="stops",
    ),
)
