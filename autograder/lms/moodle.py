"""Moodle's grading worksheet: its columns, in the languages that Moodle writes it in."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

from autograder.errors import ConfigError
from autograder.lms.numbers import read_number
from autograder.lms.table import Row, Table, read_table
from autograder.lms.when import read_local_time
from autograder.models import frozen

PARTICIPANT = re.compile(r"\D*(\d{1,18})\s*", re.ASCII)  # "Participant 12345", in any language

# Moodle finds columns by their names in the language of whoever imports, so they are never changed.
# The first three make a worksheet; Moodle's importer needs them too.
COLUMNS = {
    "id": ("Identifier", "Identifiant", "ID", "Identificador"),
    "grade": ("Grade", "Note", "Bewertung", "Calificación"),
    "graded": (
        "Last modified (grade)",
        "Dernière modification (note)",
        "Zuletzt geändert (Bewertung)",
        "Última modificación (calificación)",
    ),
    "name": ("Full name", "Nom complet", "Vollständiger Name", "Nombre completo"),
    "email": (
        "Email address",
        "Adresse de courriel",
        "E-Mail-Adresse",
        "Dirección de correo",
        "Dirección Email",
        "Correo electrónico",
    ),
    "number": (
        "ID number",
        "Numéro d'identification",
        "Numéro d\u2019identification",
        "ID-Nummer",
        "Número de ID",
    ),
    "login": ("Username", "Nom d'utilisateur", "Nom d\u2019utilisateur", "Anmeldename"),
    "status": ("Status", "Statut", "Estado", "Estatus"),
    "team": ("Group", "Groupe", "Gruppe", "Grupo"),
    "max": (
        "Maximum Grade",
        "Maximum grade",
        "Note maximale",
        "Bestwertung",
        "Calificación máxima",
    ),
    "scale": ("Scale", "Barème", "Skala", "Bewertungsskala", "Escala"),
    "changeable": (
        "Grade can be changed",
        "La note peut être modifiée",
        "Bewertung kann geändert werden",
        "La calificación puede ser cambiada",
        "La calificación puede cambiarse",
    ),
    "submitted": (
        "Last modified (submission)",
        "Dernière modification (travail remis)",
        "Zuletzt geändert (Abgabe)",
        "Última modificación (entrega)",
    ),
    "feedback": (
        "Feedback comments",
        "Feedback par commentaires",
        "Commentaires de feedback",
        "Feedback als Kommentar",
        "Comentarios de retroalimentación",
        "Comentarios de la retroalimentación",
    ),
}
ANYBODY = ("Participant", "Participante", "Teilnehmerin")  # instead of a name: blind marking
_NEEDED = ("id", "grade", "graded")
_NO = {"no", "non", "nein"}
_UNSAFE = re.compile(r'[\x00-\x1f\x7f&<>"`|\':\\/]')  # what Moodle takes out of a file's name


@frozen
class Line:
    """One student in the worksheet."""

    row: Row
    participant: str  # the number by which Moodle finds the student, in this assignment only
    name: str
    email: str
    number: str
    login: str
    team: str
    submitted_at: datetime | None
    submitted_text: str
    graded_at: datetime | None
    graded_text: str
    maximum: Fraction | None  # None if the assignment uses a scale of words
    locked: bool


@frozen
class Worksheet:
    """A downloaded grading worksheet."""

    table: Table
    columns: dict[str, int]
    lines: tuple[Line, ...]


def is_worksheet(table: Table) -> bool:
    """Say whether a table has the columns that make a worksheet."""
    return all(role in _roles(table) for role in _NEEDED)


def read_worksheet(path: Path, zone: ZoneInfo) -> Worksheet:
    """Read a worksheet that was downloaded from Moodle.

    Raises:
        ConfigError: If it is none; one line for each fault, with its place.
    """
    return worksheet(read_table(path), zone)


def worksheet(table: Table, zone: ZoneInfo) -> Worksheet:
    """Read a worksheet from its table; see `read_worksheet`."""
    columns = _roles(table)
    if missing := [COLUMNS[role][0] for role in _NEEDED if role not in columns]:
        raise ConfigError(
            f"{table.name}:1: expected Moodle's grading worksheet, got no column "
            f"{', '.join(missing)}. Download it in English, French, German or Spanish: "
            f"Grading action > Download grading worksheet."
        )
    faults: list[str] = []
    seen: dict[str, int] = {}
    lines = []
    for row in table.rows:
        found = PARTICIPANT.fullmatch(row[columns["id"]])
        if found is None:
            got = f"got {row[columns['id']][:80]!r}. Download it again."
            faults.append(f"{table.where(row)}: expected a participant's number, {got}")
        elif first := seen.get(found[1]):
            got = f"got {found[1]} as on line {first}. Download it again."
            faults.append(f"{table.where(row)}: expected each participant once, {got}")
        else:
            seen[found[1]] = row.number
            lines.append(_line(row, found[1], columns, zone))
    if faults:
        raise ConfigError("\n".join(faults))
    return Worksheet(table=table, columns=columns, lines=tuple(lines))


def _roles(table: Table) -> dict[str, int]:
    """Say which column plays which role; names are compared exactly, as Moodle does."""
    columns = table.columns
    roles = {}
    for role, names in COLUMNS.items():
        places = [columns.index(name) for name in names if name in columns]
        if places:
            roles[role] = places[0]
    return roles


def _line(row: Row, participant: str, columns: dict[str, int], zone: ZoneInfo) -> Line:
    def cell(role: str) -> str:
        return row[columns[role]] if role in columns else ""

    return Line(
        row=row,
        participant=participant,
        name=cell("name"),
        email=cell("email"),
        number=cell("number"),
        login=cell("login"),
        team=cell("team"),
        submitted_at=read_local_time(cell("submitted"), zone),
        submitted_text=cell("submitted").strip("-"),
        graded_at=read_local_time(cell("graded"), zone),
        graded_text=cell("graded").strip("-"),
        maximum=read_number(cell("max")),
        locked=cell("changeable").casefold() in _NO,
    )


def agrees(written: str, name: str) -> bool:
    """Say whether the name of a folder of the download can be of the person of that name.

    A group's name may stand before it; with blind marking there is none.
    """
    expected = file_name(name)
    if not expected or not written or written in ANYBODY:
        return True
    written = file_name(written)
    return written == expected or written.endswith((f"-{expected}", f" {expected}"))


def file_name(name: str) -> str:
    """Return a person's or group's name as Moodle writes it into the names of folders."""
    plain = _UNSAFE.sub("", unicodedata.normalize("NFC", name).replace("_", " "))
    return re.sub(r"\.{2,}", "", plain).strip(". ")
