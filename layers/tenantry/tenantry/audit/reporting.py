"""The compliance report: who has access, and what was done about access in a time."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tenantry.audit.formats import BYTE_ORDER_MARK, csv_lines
from tenantry.audit.jobs import Format, Job
from tenantry.audit.model import Damaged, Entry, Span, instant, readable
from tenantry.audit.repository import ActivityRepository, People, PeopleNames, Person, Staff

MOST_ROWS: Final = 2000
"""Of a section; a report is made at once, and says where it was cut."""
_LONGEST_DETAIL: Final = 300

ACCESS_TYPES: Final = (
    "MemberJoined",
    "MemberPermissionsChanged",
    "MemberReactivated",
    "MemberRemoved",
    "MemberRoleChanged",
    "MemberSuspended",
    "OwnershipTransferred",
)
EXPORT_TYPES: Final = (
    "AuditExportCancelled",
    "AuditExported",
    "AuditExportFailed",
    "AuditExportRequested",
)
SUPPORT_TYPES: Final = ("SupportSessionClosed", "SupportSessionOpened")
SIGN_IN_TYPES: Final = ("SignInRefused",)
VENDOR_TYPES: Final = (
    "AccountCancelRequested",
    "AccountCancelled",
    "AccountMoveRequested",
    "AccountRequested",
    "AccountTeardownApproved",
    "AccountTeardownCancelled",
    "AccountTeardownRequested",
    "LicenseCreated",
    "LicenseRenewed",
    "LicenseRevoked",
    "OrganizationReactivated",
    "OrganizationSuspended",
    "OwnerAppointed",
    "PlanGranted",
)
"""What operators of the platform do outside of a support session; others do some of it too."""

EVENT_COLUMNS: Final = ("When (UTC)", "What", "By", "As", "Subject", "From", "Details")
_PEOPLE_COLUMNS: Final = ("Name", "E-mail", "Role", "Status", "Further permissions", "Since (UTC)")
_PLACES: Final = ("When, and which",)
_LEFT_OUT: Final = "They are in none of the tables above; the vendor has been told."
_VENDORS: Final = "What the vendor did"
_OUTSIDE: Final = "By operators of the platform outside of support sessions, each with its reason."
_ELSEWHERE: Final = (
    "Attempts that the product refused. Wrong passwords are refused by the identity provider, "
    "which tells the product nothing of them."
)


@dataclass(frozen=True)
class Section:
    """A table of the report; `note` says what is to be known when reading it."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    is_cut: bool = False


@dataclass(frozen=True)
class Document:
    """All that a report shows; the charts count by month and by role."""

    organization: str
    from_: datetime
    to: datetime
    made_at: datetime
    made_by: str
    sections: tuple[Section, ...]
    by_month: Mapping[str, Mapping[str, int]]
    by_role: Mapping[str, int]
    damaged: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """`damaged` is where entries lie that could not be read: it is made without them."""

    content: bytes
    rows: int
    damaged: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reporting:
    """`pdf` renders a document; it is heavy, so it is asked for when one is made."""

    entries: ActivityRepository
    people: People
    names: PeopleNames
    pdf: Callable[[Document], bytes]

    def report(self, job: Job, now: datetime) -> Report:
        """The report that `job` asks for, of what the log holds now."""
        document = self.document(job, now)
        content = self.pdf(document) if job.format is Format.PDF else as_csv(document)
        rows = sum(len(section.rows) for section in document.sections)
        return Report(content, rows, document.damaged)

    def document(self, job: Job, now: datetime) -> Document:
        staff = self.people.staff(job.tenant_id, MOST_ROWS)
        span = Span(instant(job.from_), instant(job.to))
        damaged: set[str] = set()
        found = {
            title: self._of_types(job.tenant_id, types, span, damaged)
            for title, types in (
                ("Changes of access", ACCESS_TYPES),
                ("Exports and reports", EXPORT_TYPES),
                ("Support sessions", SUPPORT_TYPES),
                (_VENDORS, VENDOR_TYPES),
                ("Refused sign-ins", SIGN_IN_TYPES),
            )
        }
        vendors, is_cut = found[_VENDORS]
        found[_VENDORS] = [e for e in vendors if e.actor.kind == "operator"], is_cut
        names = self._names(staff, [job.requested_by.id], *(e for e, _ in found.values()))
        notes = {"Refused sign-ins": _ELSEWHERE, _VENDORS: _OUTSIDE}
        return Document(
            organization=staff.name,
            from_=job.from_,
            to=job.to,
            made_at=now,
            made_by=names.get(job.requested_by.id, job.requested_by.id),
            sections=(
                _access(staff, names),
                *(
                    Section(
                        title,
                        EVENT_COLUMNS,
                        tuple(_row(entry, names) for entry in entries),
                        notes.get(title, ""),
                        is_cut,
                    )
                    for title, (entries, is_cut) in found.items()
                ),
                *_unread(sorted(damaged)),
            ),
            by_month={
                title: Counter(entry.month for entry in entries)
                for title, (entries, _) in found.items()
            },
            by_role=Counter(person.role for person in staff.people),
            damaged=tuple(sorted(damaged)),
        )

    def _of_types(
        self, tenant_id: str, types: Iterable[str], span: Span, damaged: set[str]
    ) -> tuple[list[Entry], bool]:
        """Entries of these types, newest first, and whether there are more; notes the damaged."""
        looked = [
            each
            for kind in types
            for each in self.entries.narrowed(tenant_id, "type", kind, span, MOST_ROWS + 1)
        ]
        damaged.update(each.position for each in looked if isinstance(each, Damaged))
        found = readable(looked)
        found.sort(key=lambda entry: entry.position, reverse=True)
        return found[:MOST_ROWS], len(found) > MOST_ROWS

    def _names(self, staff: Staff, more: list[str], *found: list[Entry]) -> Mapping[str, str]:
        """Names of all who act or are acted on, as far as they have given one."""
        known = {person.user_id: person.name for person in staff.people if person.name}
        wanted = {e.actor.id for entries in found for e in entries if e.actor.kind == "user"}
        wanted |= {
            str(e.data["user_id"]) for entries in found for e in entries if "user_id" in e.data
        }
        wanted |= {person.user_id for person in staff.people} | set(more)
        return {**self.names.of(wanted - known.keys()), **known}


def as_csv(document: Document) -> bytes:
    """One table a section, each under its title, with an empty line between."""
    lines: list[tuple[str, ...]] = [
        ("Compliance report", document.organization),
        ("From (inclusive)", _time(document.from_)),
        ("To (exclusive)", _time(document.to)),
        ("Made at", _time(document.made_at)),
        ("Made by", document.made_by),
    ]
    for section in document.sections:
        lines += [(), (section.title,), *([(section.note,)] if section.note else [])]
        lines += [section.columns, *section.rows]
        if section.is_cut:
            lines.append((f"Cut after {len(section.rows)} rows: export the log for all of them.",))
    return BYTE_ORDER_MARK.encode() + csv_lines(lines)


def _unread(places: list[str]) -> tuple[Section, ...]:
    """Nobody should take what a report leaves out for what did not happen."""
    if not places:
        return ()
    rows = tuple((place,) for place in places[:MOST_ROWS])
    is_cut = len(places) > MOST_ROWS
    return (Section("Entries that cannot be read", _PLACES, rows, _LEFT_OUT, is_cut),)


def _access(staff: Staff, names: Mapping[str, str]) -> Section:
    order = ("OWNER", "ADMIN", "MANAGER", "MEMBER", "VIEWER")
    people = sorted(
        staff.people,
        key=lambda p: (order.index(p.role) if p.role in order else len(order), p.since),
    )
    rows = tuple(_person(person, names) for person in people)
    return Section("Who has access", _PEOPLE_COLUMNS, rows, "As of now.", staff.is_cut)


def _person(person: Person, names: Mapping[str, str]) -> tuple[str, ...]:
    return (
        names.get(person.user_id, person.user_id),
        person.email or "",
        person.role,
        person.status,
        ", ".join(person.permissions),
        _time(person.since),
    )


def _row(entry: Entry, names: Mapping[str, str]) -> tuple[str, ...]:
    actor = entry.actor
    by = names.get(actor.id, actor.id) if actor.kind == "user" else f"{actor.kind} {actor.id}"
    subject = str(entry.data.get("user_id") or entry.entity_id)
    return (
        _time(entry.occurred_at),
        entry.type,
        by,
        " for ".join(filter(None, (actor.role, actor.on_behalf_of))),
        names.get(subject, subject),
        entry.request.source_ip or "",
        _details(entry.data),
    )


def _details(data: Mapping[str, Any]) -> str:
    """What the event says, without the ids that stand in other columns."""
    said = "; ".join(
        f"{name.replace('_', ' ')}: {_said(value)}"
        for name, value in data.items()
        if name not in ("user_id", "organization_id", "export_id") and value not in (None, {}, [])
    )
    return said if len(said) <= _LONGEST_DETAIL else f"{said[: _LONGEST_DETAIL - 1]}…"


def _said(value: Any) -> str:
    match value:
        case {"before": before, "after": after, **rest} if not rest:
            return f"{_said(before)} → {_said(after)}"
        case str():
            return value
        case list():
            return ", ".join(map(_said, value))
        case _:
            return json.dumps(value, ensure_ascii=False)


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"
