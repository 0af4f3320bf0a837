"""Use cases on the audit log: record an event, show an organisation's activity."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from tenantry.audit.model import (
    ACTIVITY_READ,
    Activity,
    ActivityFilter,
    ActivityPage,
    Entry,
    Span,
    checked_position,
    month_after,
    span_of,
)
from tenantry.audit.repository import ActivityRepository, AuditLog, PeopleNames
from tenantry.audit.seal_repository import SealedOrganizations
from tenantry.audit.seals import open_day
from tenantry.messaging.event import Envelope
from tenantry.persistence import cursors
from tenantry.runtime.inputs import parse
from tenantry.tenancy.access import Access
from tenantry.tenancy.caller import Caller

MONTHS_A_PAGE: Final = 12
"""Months that one page looks into at most: a quiet year may answer an empty page that goes on."""


MOST_KNOWN: Final = 10_000
"""Organisations that a process remembers to have a log."""


@dataclass(frozen=True)
class RecordingService:
    log: AuditLog
    organizations: SealedOrganizations
    now: Callable[[], datetime]
    _known: set[str] = field(default_factory=set)

    def record(self, envelope: Envelope) -> bool:
        """Keep an event for good; False when it was there: order and repetition do not matter.

        The first event of an organisation in this process tells first that the organisation has a
        log, so that none is left out of sealing.
        """
        at = self.now()
        if envelope.tenant_id and envelope.tenant_id not in self._known:
            self.organizations.add(envelope.tenant_id, open_day(at) - timedelta(days=1))
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known.add(envelope.tenant_id)
        return self.log.add(Entry.of(envelope, at))


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
        people = {entry.actor.id for entry in entries if entry.actor.kind == "user"}
        names = self.names.of(people) if people else {}
        return ActivityPage(
            tuple(
                Activity(e, names.get(e.actor.id) if e.actor.kind == "user" else None)
                for e in entries
            ),
            cursors.encode({"at": goes_on}) if goes_on else None,
        )

    def _entries(
        self, tenant_id: str, given: ActivityFilter, span: Span, limit: int
    ) -> tuple[list[Entry], str | None]:
        """A page, and the position to go on below; None at the end."""
        if span.is_empty:
            return [], None
        if given.chosen:
            [(by, value)] = given.chosen.items()
            return _page(self.entries.narrowed(tenant_id, by, value, span, limit + 1), limit)
        found: list[Entry] = []
        for looked, month in enumerate(span.months()):
            if looked == MONTHS_A_PAGE:
                return found, month_after(month)
            found += self.entries.month(tenant_id, month, span, limit + 1 - len(found))
            if len(found) > limit:
                break
        return _page(found, limit)


def _page(found: list[Entry], limit: int) -> tuple[list[Entry], str | None]:
    """`found` was asked for with one more than fits, which tells whether the list goes on."""
    page = found[:limit]
    return page, page[-1].position if len(found) > limit else None
