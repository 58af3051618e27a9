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
    TimeRemainingColumn,
)
from rich.progress import (
    Progress as Bar,
)
from rich.text import Text

from autograder.models import Isolation, RunRecord
from autograder.pipeline import Summary
from autograder.report import text
from autograder.sandbox.doctor import remedy


class _Rate(ProgressColumn):
    """Attempts per second."""

    def render(self, task: Task) -> Text:
        """Show the rate of the last seconds."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f}/s" if speed else "", style="dim")


class Progress:
    """Shows a bar on a terminal, and a line for every tenth attempt elsewhere."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet  # say how many, never who or what they got: logs of CI are read by all
        self._console = text.console(stderr=True)
        self._bar = Bar(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
            TimeRemainingColumn(),
            TextColumn("left", markup=False),
            console=self._console,
            disable=not self._console.is_terminal,
            auto_refresh=False,  # its thread would be forked with the graders
        )
        self._task = self._bar.add_task("starting", total=None)
        self._total = 0
        self._done = 0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.update(self._task, visible=self._total > 0)
        self._bar.stop()

    def begin(self, isolation: Isolation, total: int, known: int) -> None:
        """Say how student code is kept in, and how much there is to do."""
        self._total = total
        for part in text.isolation_block(isolation, remedy(isolation.why)):
            self._console.print(part)
        unchanged = f"; {known} not changed, so not examined again" if known else ""
        self._console.print(text.line(f"attempts to examine: {total}{unchanged}"))
        self._bar.update(self._task, total=total, description="preparing")
        self._bar.refresh()

    def examined(self, student_id: str, record: RunRecord) -> None:
        """Move the bar."""
        del record  # what came out is shown at the end
        self._done += 1
        who = "" if self._quiet else f" {student_id:<16.16}"
        self._bar.update(self._task, advance=1, description=f"examined{who}")
        self._bar.refresh()
        is_worth_a_line = self._done % 10 == 0 or self._done == self._total
        if is_worth_a_line and not self._console.is_terminal:
            self._console.print(text.line(f"{self._done} of {self._total} attempts"))

    def show(self, summary: Summary) -> None:
        """Print what came out, one line for each student; when quiet, only how many there are."""
        console = text.console()
        if self._quiet:
            console.print(text.statuses(summary.rows))
            if summary.notes:
                notes = text.count(len(summary.notes), "note")
                console.print(text.line(f"{notes}: grade again with --no-quiet to read them"))
        else:
            for part in text.grades_table(summary.rows, summary.exercises):
                console.print(part)
            for note in summary.notes:
                console.print(text.line(f"note: {note}"))
        if summary.faults:
            console.print(
                text.line(
                    f"The grader itself failed for {summary.faults} of them. Their grades are"
                    " empty, not 0: grade again, and if it stays, `gradlab explain` says why."
                )
            )
        console.print(text.line(text.isolation_line(summary.isolation.tier)))
        console.print(text.line(f"grades: {summary.out / 'grades.csv'}"))
