"""The progress bar of `grade` and `demo`, and the table at their end."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import (
    Progress as Bar,
)
from rich.text import Text

from autograder.models import Isolation, RunRecord, RunStatus
from autograder.pipeline import Summary
from autograder.report import text


class _Rate(ProgressColumn):
    """Attempts per second."""

    def render(self, task: Task) -> Text:
        """Show the rate of the last seconds."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f}/s" if speed else "", style="dim")


class Progress:
    """Shows a bar on a terminal, and a line for every tenth attempt elsewhere."""

    def __init__(self) -> None:
        self._console = text.console(stderr=True)
        self._bar = Bar(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
            auto_refresh=False,  # its thread would be forked with the graders
        )
        self._task = self._bar.add_task("starting", total=None)
        self._total = 0
        self._done = 0
        self._faults = 0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def begin(self, isolation: Isolation, total: int, known: int) -> None:
        """Say how student code is kept in, and how much there is to do."""
        self._total = total
        missing = f", without {', '.join(isolation.missing)}" if isolation.missing else ""
        self._console.print(text.line(f"isolation: tier {isolation.tier}{missing}"))
        if known:
            self._console.print(text.line(f"{known} attempts have not changed"))
        self._bar.update(self._task, total=total, description="grading")
        self._bar.refresh()

    def examined(self, student_id: str, record: RunRecord) -> None:
        """Move the bar."""
        self._done += 1
        self._faults += record.status is RunStatus.INTERNAL_ERROR
        self._bar.update(self._task, advance=1, description=f"grading {student_id:<16.16}")
        self._bar.refresh()
        plain = not self._console.is_terminal and (self._done % 10 == 0)
        if plain or (not self._console.is_terminal and self._done == self._total):
            self._console.print(text.line(f"{self._done} of {self._total} attempts"))

    def show(self, summary: Summary) -> None:
        """Print what came out, one line for each student."""
        console = text.console()
        console.print(text.grades_table(summary.graded))
        console.print(text.line(text.MARKS_KEY))
        for note in summary.notes:
            console.print(text.line(f"note: {note}"))
        if summary.faults:
            console.print(
                text.line(
                    f"{summary.faults} need a person: the grader failed there."
                    " Their grades are empty, not 0; grade again, then `gradlab replay`."
                )
            )
        console.print(text.line(f"grades: {summary.out / 'grades.csv'}"))
