"""Use cases on the audit log: record an event, show an organisation's activity."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from tenantry.audit.model import (
    ACTIVITY_READ,
    AUDIT_READ,
    Activity,
    ActivityFilter,
    ActivityPage,
    AuditFilter,
    AuditPage,
    Entry,
    Found,
    Span,
    checked_position,
    month_after,
    readable,
    span_of,
)
from tenantry.audit.repository import ActivityRepository, AuditLog, PeopleNames
from tenantry.audit.seal_repository import SealedOrganizations
from tenantry.audit.seals import first_day
from tenantry.messaging.event import Envelope
from tenantry.persistence import cursors
from tenantry.runtime.inputs import parse
from tenantry.tenancy.access import Access
from tenantry.tenancy.caller import Caller

MONTHS_A_PAGE: Final = 12
"""Months that one page looks into at most: a quiet year may answer an empty page that goes on."""
MOST_KNOWN: Final = 10_000
"""Organisations that a process remembers to have a log."""
LOOKED_AT_A_PAGE: Final = 1000
"""Entries that one page of the audit log looks at, at most, for those that were asked for."""
AT_ONCE: Final = 200


@dataclass(frozen=True)
class RecordingService:
    log: AuditLog
    organizations: SealedOrganizations
    now: Callable[[], datetime]
    _known: set[str] = field(default_factory=set)

    def record(self, envelope: Envelope) -> bool:
        """Keep an event for good; False when it was there: order and repetition do not matter.

        What happens to a user and concerns organisations is in the logs of these too, and all that
        happens outside of organisations in the platform's own, so that it is sealed. The first
        event of an organisation in this process tells first that the organisation has a log, so
        that none is left out of sealing.
        """
        at = self.now()
        entry = Entry.of(envelope, at)
        for tenant_id in entry.told_organizations:
            self._know(tenant_id, at)
            self.log.add(entry.told_to(tenant_id))
        if people := entry.of_people():
            self._know(str(people.tenant_id), at)
            self.log.add(people)
        if entry.tenant_id:
            self._know(entry.tenant_id, at)
        return self.log.add(entry)

    def _know(self, tenant_id: str, at: datetime) -> None:
        if tenant_id in self._known:
            return
        self.organizations.add(tenant_id, first_day(at))
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known.add(tenant_id)


@dataclass(frozen=True)
class ActivityService:
    access: Access
    entries: ActivityRepository
    names: PeopleNames
    now: Callable[[], datetime]

    def activity(
        self, caller: Caller, first: int | None, after: str | None, chosen: dict[str, Any] | None
    ) -> ActivityPage:
        """What happened in the caller's organisation, newest first.

        At most MONTHS_A_PAGE queries, then one read of names; a page may be short, or empty, and
        still go on.
        """
        limit = cursors.page_size(first)
        given = parse(ActivityFilter, chosen)
        position = checked_position(cursors.decode(after, "at")["at"]) if after else None
        standing = self.access.standing(caller)
        standing.require(ACTIVITY_READ)
        span = span_of(given, standing.organization_created_at, self.now())
        if position:
            span = span.after(position)
        entries, goes_on = self._entries(standing.tenant_id, given, span, limit)
        return ActivityPage(
            _named(readable(entries), self.names),
            cursors.encode({"at": goes_on}) if goes_on else None,
        )

    def _entries(
        self, tenant_id: str, given: ActivityFilter, span: Span, limit: int
    ) -> tuple[list[Found], str | None]:
        """A page, and the position to go on below; None at the end."""
        if span.is_empty:
            return [], None
        if given.chosen:
            [(by, value)] = given.chosen.items()
            return _page(self.entries.narrowed(tenant_id, by, value, span, limit + 1), limit)
        found: list[Found] = []
        for looked, month in enumerate(span.months()):
            if looked == MONTHS_A_PAGE:
                return found, month_after(month)
            found += self.entries.month(tenant_id, month, span, limit + 1 - len(found))
            if len(found) > limit:
                break
        return _page(found, limit)


@dataclass(frozen=True)
class AuditLogService:
    access: Access
    entries: ActivityRepository
    names: PeopleNames
    now: Callable[[], datetime]

    def audit_log(
        self, caller: Caller, first: int | None, after: str | None, chosen: dict[str, Any] | None
    ) -> AuditPage:
        """The entries of the caller's organisation, whole, newest first.

        At most MONTHS_A_PAGE months and LOOKED_AT_A_PAGE entries, then one read of names; a page
        may be short, or empty, and still go on.
        """
        limit = cursors.page_size(first)
        given = parse(AuditFilter, chosen)
        position = checked_position(cursors.decode(after, "at")["at"]) if after else None
        standing = self.access.standing(caller)
        standing.require(AUDIT_READ)
        span = span_of(given, standing.organization_created_at, self.now())
        if position:
            span = span.after(position)
        found, goes_on = self._found(standing.tenant_id, given, span, limit)
        return AuditPage(
            _named(found, self.names), cursors.encode({"at": goes_on}) if goes_on else None
        )

    def _found(
        self, tenant_id: str, given: AuditFilter, span: Span, limit: int
    ) -> tuple[list[Entry], str | None]:
        """A page, and the position to go on below; None at the end."""
        found: list[Entry] = []
        left, at_once = LOOKED_AT_A_PAGE, AT_ONCE if given.needs_a_look else limit + 1
        if span.is_empty:
            return found, None
        months = (None,) if given.index else span.months()
        for looked, month in enumerate(months):
            if month and looked == MONTHS_A_PAGE:
                return found, month_after(month)
            while left:
                asked = min(at_once, left)
                entries = self._read(tenant_id, given, month, span, asked)
                left -= len(entries)
                found += (entry for entry in readable(entries) if given.takes(entry))
                if len(found) > limit:
                    return _page(found, limit)
                if len(entries) < asked:
                    break
                span = span.after(entries[-1].position)
            else:
                return found, span.below
        return found, None

    def _read(
        self, tenant_id: str, given: AuditFilter, month: str | None, span: Span, limit: int
    ) -> list[Found]:
        if given.index:
            return self.entries.narrowed(tenant_id, *given.index, span, limit)
        return self.entries.month(tenant_id, str(month), span, limit)


def _named(entries: list[Entry], names: PeopleNames) -> tuple[Activity, ...]:
    """`entries` with the names of the people who caused them, in one read."""
    people = {entry.actor.id for entry in entries if entry.actor.kind == "user"}
    known = names.of(people) if people else {}
    return tuple(
        Activity(e, known.get(e.actor.id) if e.actor.kind == "user" else None) for e in entries
    )


def _page[T: (Entry, Found)](found: list[T], limit: int) -> tuple[list[T], str | None]:
    """`found` was asked for with one more than fits, which tells whether the list goes on."""
    page = found[:limit]
    return page, page[-1].position if len(found) > limit else None
