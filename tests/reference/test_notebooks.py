"""Every solution, as a notebook, runs top to bottom in a real kernel and ends with its reward."""

from pathlib import Path

import jupytext
import nbclient
import pytest

ROOT = Path(__file__).parents[2]
TOPICS = sorted(path.parent.name for path in ROOT.glob("reference/*/solution.py"))


def printed(notebook):
    """Return what each cell wrote to its standard output."""
    return [
        "".join(output.text for output in cell.outputs if output.get("name") == "stdout")
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


@pytest.mark.prove
@pytest.mark.parametrize("topic", TOPICS)
def test_a_solution_runs_top_to_bottom(topic, tmp_path):
    text = (ROOT / "reference" / topic / "solution.py").read_text(encoding="utf-8")
    notebook = jupytext.reads(text, fmt="py:percent")
    client = nbclient.NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    )
    client.execute()
    *_, reward = printed(notebook)
    assert len(reward.splitlines()) >= 3


def test_there_are_topics():
    assert {"losses", "mlp"} <= set(TOPICS)
