"""How long `gradlab report` takes for a large class: python benchmarks/pages.py [STUDENTS].

The bundled class is copied until it is large enough (run `make demo` first).
"""

import sys
import tempfile
import time
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path

from autograder import config, demo
from autograder.report import html
from autograder.report.store import Store

COURSE = Path(__file__).parents[1]
GRADED = COURSE / "build" / "demo" / "grades"


def crowd(store: Store, size: int) -> None:
    """Give `size` students the attempts and results of the bundled class."""
    known = Store(GRADED)
    originals = known.submissions(demo.ASSIGNMENT)
    for number, original in enumerate(islice(cycle(originals), size)):
        copy = {"student_id": f"s{number:05}"}
        attempts = tuple(replace(one, files=()) for one in original.attempts)
        store.record_attempts([replace(original, attempts=attempts, **copy)])
        documents = [
            read(demo.ASSIGNMENT, original.student_id) for read in (known.result, known.feedback)
        ]
        store.write_result(*({**(document or {}), **copy} for document in documents))


def main() -> None:
    """Print how long it takes, and how large the pages are."""
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    course = config.load(COURSE)
    assignment = course.assignments[demo.ASSIGNMENT]
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "out")
        with store.lock():
            crowd(store, size)
            for which in ("first", "again"):
                began, cpu = time.perf_counter(), time.process_time()
                made = html.write_pages(store, course, assignment, Path(folder) / "pages")
                took, used = time.perf_counter() - began, time.process_time() - cpu
                print(f"{which}: {made.students + 1} pages in {took:.1f} s ({used:.1f} s of CPU)")
        sizes = [path.stat().st_size for path in made.index.parent.rglob("*.html")]
        print(f"{sum(sizes) / 1e6:.1f} MB; the class page {made.index.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
