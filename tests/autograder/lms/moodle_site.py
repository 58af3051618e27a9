"""A Moodle in miniature: it writes downloads and worksheets, and takes worksheets back.

The rules are those of Moodle's own code, written anew: `mod/assign/classes/downloader.php` (names
in the download), `mod/assign/gradingtable.php` (the worksheet), `mod/assign/feedback/offline/
{importgradeslib,locallib}.php` (which rows of a worksheet count) and `mod/assign/feedback/file/
importziplib.php` (whose feedback file it is).
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")
_CALENDARS = {
    "en": (
        "January February March April May June July August September October November December",
        "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
    ),
    "fr": (
        "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
        "lundi mardi mercredi jeudi vendredi samedi dimanche",
    ),
    "de": (
        "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
        "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag",
    ),
    "es": (
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
        "lunes martes miércoles jueves viernes sábado domingo",
    ),
}


@dataclass(frozen=True)
class Language:
    """The words of a language pack that the worksheet and its importer use."""

    code: str
    date: str  # of `userdate`
    comma: bool
    hidden_user: str
    id: str
    name: str
    email: str
    number: str
    status: str
    team: str
    grade: str
    maximum: str
    changeable: str
    submitted: str
    graded: str
    comments: str
    yes: str = "Yes"
    no: str = "No"
    done: str = "Submitted for grading"
    nothing: str = "No submission"

    @property
    def months(self) -> list[str]:
        return _CALENDARS[self.code][0].split()

    @property
    def days(self) -> list[str]:
        return _CALENDARS[self.code][1].split()


LANGUAGES = {
    "en": Language(
        "en", "{day}, {d} {month} {y}, {h12}:{m:02d} {half}", False, "Participant ",
        "Identifier", "Full name", "Email address", "ID number", "Status", "Group", "Grade",
        "Maximum Grade", "Grade can be changed", "Last modified (submission)",
        "Last modified (grade)", "Feedback comments",
    ),
    "fr": Language(
        "fr", "{day} {d} {month} {y}, {h:02d}:{m:02d}", True, "Participant",
        "Identifiant", "Nom complet", "Adresse de courriel", "Numéro d\u2019identification",
        "Statut",
        "Groupe", "Note", "Note maximale", "La note peut être modifiée",
        "Dernière modification (travail remis)", "Dernière modification (note)",
        "Feedback par commentaires", "Oui", "Non", "Remis pour évaluation", "Pas de travail remis",
    ),
    "de": Language(
        "de", "{day}, {d}. {month} {y}, {h:02d}:{m:02d}", True, "Teilnehmer/in",
        "ID", "Vollständiger Name", "E-Mail-Adresse", "ID-Nummer", "Status", "Gruppe", "Bewertung",
        "Bestwertung", "Bewertung kann geändert werden", "Zuletzt geändert (Abgabe)",
        "Zuletzt geändert (Bewertung)", "Feedback als Kommentar", "Ja", "Nein",
        "Zur Bewertung abgegeben", "Keine Abgabe",
    ),
    "es": Language(
        "es", "{day}, {d} de {month} de {y}, {h12:02d}:{m:02d} {half}", True,
        "Participante", "Identificador", "Nombre completo", "Dirección de correo", "Número de ID",
        "Estado", "Grupo", "Calificación", "Calificación máxima",
        "La calificación puede ser cambiada", "Última modificación (entrega)",
        "Última modificación (calificación)", "Comentarios de retroalimentación", "Sí", "No",
        "Enviado para calificar", "No entregado",
    ),
}  # fmt: skip


@dataclass
class User:
    """A participant, and what Moodle's database holds about them."""

    number: int
    name: str
    email: str = ""
    id_number: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    online_text: bytes | None = None
    submitted_at: datetime | None = None
    grade: float | None = None
    graded_at: datetime | None = None
    comment: str = ""
    locked: bool = False
    team: str = ""
    team_number: int = 0
    feedback: dict[str, bytes] = field(default_factory=dict)


@dataclass
class Site:
    """One assignment of a course."""

    users: list[User]
    language: str = "en"
    maximum: float = 4
    decimals: int = 2
    scheme: str = "new"  # | old | flat
    blind: bool = False
    identity: bool = True  # e-mail address and ID number in the worksheet
    group: str = ""  # in front of names in the download

    @property
    def words(self) -> Language:
        return LANGUAGES[self.language]

    # --- out ---

    def download(self) -> bytes:
        """Return "Download all submissions"."""
        made = io.BytesIO()
        written = set()
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
            for user in self.users:
                for name, data in self._entries(user):
                    if name not in written:
                        archive.writestr(name, data)
                    written.add(name)
        return made.getvalue()

    def _entries(self, user: User):
        prefix = clean(f"{self._prefix(user)}")
        for name, data in user.files.items():
            yield self._place(prefix, "file", name), data
        if user.online_text is not None:
            yield self._place(prefix, "onlinetext", "onlinetext.html"), user.online_text

    def _prefix(self, user: User) -> str:
        if user.team:
            return f"{user.team.replace('_', ' ')}_{user.team_number}"
        shown = "Participant" if self.blind else user.name
        group = f"{self.group}-" if self.group else ""
        return f"{(group + shown).replace('_', ' ')}_{user.number}"

    def _place(self, prefix: str, plugin: str, name: str) -> str:
        if self.scheme == "flat":
            return clean(f"{prefix}_assignsubmission_{plugin}_{name.replace('/', '-')}")
        tail = "_" if self.scheme == "old" else ""
        return f"{prefix}_assignsubmission_{plugin}{tail}/{name}"

    def worksheet(self, *, delimiter=",", newline="\n", bom=True, encoding="utf-8") -> bytes:
        """Return "Download grading worksheet"."""
        words = self.words
        header = [words.id]
        if not self.blind:
            header.append(words.name)
            header += [words.email, words.number] if self.identity else []
        header.append(words.status)
        header += [words.team] if any(user.team for user in self.users) else []
        header += [words.grade, words.maximum, words.changeable, words.submitted, words.graded]
        header.append(words.comments)
        rows = [header, *(self._row(user, header) for user in self.users)]
        text = io.StringIO()
        csv.writer(text, delimiter=delimiter, lineterminator=newline).writerows(rows)
        return (b"\xef\xbb\xbf" if bom else b"") + text.getvalue().encode(encoding)

    def _row(self, user: User, header: list[str]) -> list[str]:
        words = self.words
        cells = {
            words.id: f"{words.hidden_user}{user.number}",
            words.name: user.name,
            words.email: user.email,
            words.number: user.id_number,
            words.status: words.done if user.submitted_at else words.nothing,
            words.team: user.team,
            words.grade: "" if user.grade is None else self._float(user.grade),
            words.maximum: self._float(self.maximum),
            words.changeable: words.no if user.locked else words.yes,
            words.submitted: self.date(user.submitted_at),
            words.graded: self.date(user.graded_at),
            words.comments: user.comment,
        }
        return [cells[name] for name in header]

    def _float(self, value: float) -> str:
        text = f"{value:.{self.decimals}f}"
        return text.replace(".", ",") if self.words.comma else text

    def date(self, moment: datetime | None) -> str:
        """Return what `userdate` writes."""
        if moment is None:
            return "-"
        local = moment.astimezone(PARIS)
        return self.words.date.format(
            day=self.words.days[local.weekday()],
            d=local.day,
            month=self.words.months[local.month - 1],
            y=local.year,
            h=local.hour,
            h12=local.hour % 12 or 12,
            m=local.minute,
            half="PM" if local.hour >= 12 else "AM",
        )

    # --- in ---

    def take_worksheet(self, data: bytes, *, ignore_modified=False, delimiter=",", now=None) -> int:
        """Take a filled worksheet; return how many grades were taken."""
        now = now or datetime.now(PARIS)
        words = self.words
        text = data.decode("utf-8").removeprefix("\ufeff")
        header, *rows = _fgetcsv(text, delimiter)
        assert all(len(row) == len(header) for row in rows), "csvweirdcolumns"
        places = {name: index for index, name in enumerate(header)}
        assert {words.id, words.grade, words.graded} <= places.keys(), "invalidgradeimport"
        users = {str(user.number): user for user in self.users}
        taken = 0
        for row in rows:
            user = users.get(row[places[words.id]][len(words.hidden_user) :].strip())
            if user is None:
                continue
            stale = self._is_stale(user, row[places[words.graded]])
            grade = self._unformat(row[places[words.grade]])
            if self._counts(user, grade, stale=stale and not ignore_modified):
                user.grade, user.graded_at = grade, now
                taken += 1
            if words.comments in places and (ignore_modified or not stale):
                user.comment = row[places[words.comments]]
        return taken

    def _counts(self, user: User, grade: float | None, *, stale: bool) -> bool:
        same = user.grade is not None and user.grade == grade
        if same or grade is None or grade < 0 or stale or user.locked:
            return False
        return grade <= self.maximum

    def _is_stale(self, user: User, cell: str) -> bool:
        if user.graded_at is None:
            return False
        modified = _strtotime(cell)
        since = datetime.fromtimestamp(0, PARIS) if modified is None else modified
        return user.graded_at > since + timedelta(seconds=60)

    def _unformat(self, cell: str) -> float | None:
        cell = cell.replace(" ", "").replace("\xa0", "")
        if not cell:
            return None
        if self.words.comma:
            cell = cell.replace(",", ".")
        found = re.match(r"-?\d+(\.\d+)?", cell)  # PHP's (float) reads as far as it can
        return float(found[0]) if found else 0.0

    def take_feedback(self, data: bytes) -> None:
        """Take a zip of feedback files."""
        users = {str(user.number): user for user in self.users}
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for path in archive.namelist():
                parts = path.split("/")
                if parts[-1].startswith((".", "~")):
                    continue
                while parts:
                    info = parts.pop(0).split("_", 4)
                    if len(info) < 4 or not info[1].isdigit() or info[1] not in users:
                        continue
                    if info[2:4] != ["assignfeedback", "file"]:
                        continue
                    rest = [info[4] if len(info) > 4 else "", *parts]
                    users[info[1]].feedback["/".join(rest).lstrip("/")] = archive.read(path)
                    break


def _fgetcsv(text: str, delimiter: str) -> list[list[str]]:
    """Read CSV as PHP does by default: a backslash keeps a quote from ending its cell."""
    cell = re.compile(
        rf'(?:"((?:[^"\\]|\\.|"")*)"|([^{delimiter}\r\n]*))({delimiter}|\r?\n|$)', re.DOTALL
    )
    rows, row, at = [], [], 0
    while at < len(text):
        found = cell.match(text, at)
        assert found is not None, text[at : at + 80]
        row.append(found[2] if found[1] is None else found[1].replace('""', '"'))
        at = found.end()
        if found[3] != delimiter:
            rows.append(row)
            row = []
    return rows


def clean(name: str) -> str:
    """Return what `clean_filename` leaves of a name."""
    return re.sub(r'[\x00-\x1f\x7f&<>"`|\':\\/]', "", name)


def _strtotime(text: str) -> datetime | None:
    """Read an English date as PHP does; other languages' are none."""
    months = LANGUAGES["en"].months
    words = "|".join(months)
    found = re.fullmatch(rf"\w+, (\d+) ({words}) (\d+), (\d+):(\d+) ([AP]M)", text)
    if found is None:
        return None
    hour = int(found[4]) % 12 + (12 if found[6] == "PM" else 0)
    month = months.index(found[2]) + 1
    return datetime(int(found[3]), month, int(found[1]), hour, int(found[5]), tzinfo=PARIS)
