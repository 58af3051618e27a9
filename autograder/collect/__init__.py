"""Find what students handed in: a folder or a zip archive becomes `Submission`s.

Files of students are opaque here. Only SOURCE itself is listed, members of its outermost archive
are copied as bytes, and a student's own notebook or zip is left to the worker. What is doubtful is
never guessed silently: it becomes a note, one sentence each, for the instructor.

    SOURCE/ana/losses.py  SOURCE/ana/work.zip       a folder per student
    SOURCE/ana/2026-02-09T18-20/  ana/attempt-2/    several attempts
    SOURCE/ana.zip  SOURCE/ben.ipynb                one file per student
    SOURCE/submissions.csv                          student_id[,path],submitted_at

    download.zip  of Moodle, Canvas, Gradescope, Classroom 50; a folder of Git checkouts
"""

from autograder.collect.platforms import ORIGINS
from autograder.collect.search import Found, Keep, find_submissions
from autograder.collect.source import Caps
from autograder.collect.tables import Roster, Student, read_roster, read_time

__all__ = [
    "ORIGINS",
    "Caps",
    "Found",
    "Keep",
    "Roster",
    "Student",
    "find_submissions",
    "read_roster",
    "read_time",
]
