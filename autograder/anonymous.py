"""Names that tell nothing, for pages that strangers may see."""

from __future__ import annotations

import base64
import hashlib
import hmac

from autograder.report.store import Store

_SHORT = 4  # letters of an alias, unless two students would share it


def aliases(store: Store) -> dict[str, str]:
    """Return an alias for each student of OUT, by student id; the same one whenever it is asked.

    An alias is cut from a hash of the id under the run's seed, so that neither it nor its place in
    the alphabet tells who it is; who knows the seed, which OUT/run.json holds, can try all ids.

    Args:
        store: Whose students; locked by the caller, as a new OUT gets its seed.
    """
    key = str(store.run_seed()).encode()
    students = {
        submission.student_id
        for assignment in store.assignments()
        for submission in store.submissions(assignment)
    }
    hashes = {
        student: base64.b32encode(hmac.digest(key, student.encode(), hashlib.sha256)).decode()
        for student in sorted(students)
    }
    length = _SHORT
    while len({code[:length] for code in hashes.values()}) < len(hashes):
        length += 1
    return {student: code[:length] for student, code in hashes.items()}
