"""A Canvas in miniature: it writes downloads and gradebooks, and takes gradebooks back.

The rules are those of Canvas's own code, written anew: `lib/content_zipper.rb` (names in the
download), `lib/gradebook_exporter.rb` (the gradebook) and `lib/gradebook_importer.rb` (which rows
and columns count, and which grades are new).
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from dataclasses import dataclass, field


@dataclass
class User:
    """A student, and what Canvas's database holds about them."""

    id: int
    first: str
    last: str
    login: str = ""
    sis: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    typed: bytes | None = None
    late: bool = False
    grade: float | None = None
    excused: bool = False
    assigned: bool = True
    anonymous_id: str = ""


@dataclass
class Site:
    """One course with one assignment that counts here, between two others."""

    users: list[User]
    title: str = "TP 1"
    number: int = 98765
    points: float = 4
    comma: bool = False
    split_names: bool = False
    sis: bool = True
    manual: bool = False
    anonymous: bool = False

    @property
    def column(self) -> str:
        return f"{self.title} ({self.number})"

    # --- out ---

    def download(self) -> bytes:
        """Return "Download Submissions"."""
        made = io.BytesIO()
        attachment = 500_000
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
            for user in self.users:
                prefix = self._prefix(user)
                for name, data in user.files.items():
                    attachment += 1
                    archive.writestr(f"{prefix}_{attachment}_{name}", data)
                if user.typed is not None:
                    archive.writestr(f"{prefix}_text.html", user.typed)
        return made.getvalue()

    def _prefix(self, user: User) -> str:
        late = "LATE" if user.late else None
        name = None if self.anonymous else f"{user.last}, {user.first}".lower()
        number = f"anon_{user.anonymous_id}" if self.anonymous else str(user.id)
        return re.sub(r"\W", "", "_".join(filter(None, (name, late, number))))

    def gradebook(self, *, bom: bool = False) -> bytes:
        """Return "Export Entire Gradebook"."""
        header = ["LastName", "FirstName"] if self.split_names else ["Student"]
        header += ["ID", *(["SIS User ID"] if self.sis else []), "SIS Login ID", "Section", "Notes"]
        blank = [""] * (len(header) - 1)
        header += ["Warm-up (98764)", self.column, "Exam (98766)", "Current Score", "Final Score"]
        points = [self._float(10), self._float(self.points), "(read only)"]
        rows = [header]
        if self.manual:
            rows.append(["", *blank, "", "Manual Posting", "", "", ""])
        rows.append(["    Points Possible", *blank, *points, "(read only)", "(read only)"])
        rows += [self._row(user) for user in self.users]
        text = io.StringIO()
        csv.writer(text, delimiter=";" if self.comma else ",", lineterminator="\n").writerows(rows)
        return (b"\xef\xbb\xbf" if bom else b"") + text.getvalue().encode()

    def _row(self, user: User) -> list[str]:
        name = f"{user.last}, {user.first}"
        shown = [user.last, user.first] if self.split_names else [_quoted(name)]
        if not user.assigned:
            cell = "N/A"
        elif user.excused:
            cell = "EX"
        else:
            cell = "" if user.grade is None else self._float(user.grade)
        ids = [str(user.id), *([user.sis] if self.sis else []), user.login]
        return [*shown, *ids, "Group A", "a note", self._float(7.5), cell, "", "75.00", "50.00"]

    def _float(self, value: float) -> str:
        return f"{value:.2f}".replace(".", ",") if self.comma else f"{value:.2f}"

    # --- in ---

    def take(self, data: bytes) -> dict[str, str]:
        """Take a filled gradebook; return what changed, by "user column"."""
        text = data.decode("utf-8-sig")
        first = text.splitlines()[:3]
        counts = {d: {len(next(csv.reader([line], delimiter=d))) for line in first} for d in ";,"}
        width = {d: next(iter(found)) if len(found) == 1 else 0 for d, found in counts.items()}
        delimiter = ";" if width[";"] > width[","] else ","
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
        rows = [[_pointed(cell) for cell in row] for row in rows if row]
        header = rows.pop(0)
        assert "Section" in header
        at = header.index("ID")
        columns = {
            index: int(found[1])
            for index, name in enumerate(header)
            if (found := re.search(r"\((\d+)\)$", name))
        }
        changes: dict[str, str] = {}
        for row in rows:
            if "Points Possible" in row[0]:
                locked = {i for i in columns if re.search(r"read\s+only", row[i])}
                columns = {i: c for i, c in columns.items() if i not in locked}
            elif not all(
                re.fullmatch(r"\s*(Muted|Manual Posting.*)?\s*", c, re.IGNORECASE) for c in row
            ):
                user = self._find(row, header, at)
                assert user is not None, f"a new user would be made of {row}"
                changes |= self._grades(user, row, columns)
        return changes

    def _find(self, row: list[str], header: list[str], at: int) -> User | None:
        by_id = {str(user.id): user for user in self.users}
        if row[at] in by_id:
            return by_id[row[at]]
        login = row[header.index("SIS Login ID")]
        return next((user for user in self.users if login and user.login == login), None)

    def _grades(self, user: User, row: list[str], columns: dict[int, int]) -> dict[str, str]:
        changes = {}
        for index, number in columns.items():
            if number != self.number:
                if row[index] not in {"7.50", ""}:
                    changes[f"{user.id} {number}"] = row[index]
                continue
            new = row[index].strip() if user.assigned else ""
            old = "EX" if user.excused else "" if user.grade is None else f"{user.grade}"
            if _same(new, old):
                continue
            changes[f"{user.id} {number}"] = new
            user.excused = new.upper() == "EX"
            user.grade = float(new) if new and not user.excused else None
        return changes


def _same(new: str, old: str) -> bool:
    blank = {"", "-"}
    if new == old or (new in blank and old in blank):
        return True
    if not new or not old or "EX" in (new.upper(), old.upper()):
        return False
    return f"{float(new):.2f}" == f"{float(old):.2f}"


def _pointed(cell: str) -> str:
    """Read a decimal comma, as the importer does."""
    if not re.fullmatch(r"-?[0-9.,]+%?", cell):
        return cell
    *parts, last = re.split("[,.]", cell)
    return f"{''.join(parts)}.{last}" if parts else last


def _quoted(name: str) -> str:
    return f'="{name}"' if name.lstrip().startswith("=") else name
