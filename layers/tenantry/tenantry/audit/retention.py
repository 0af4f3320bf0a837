"""How long entries are kept, by plan, and the sweep that gives those past it an end.

An entry is given `purge_at` only when it is past the retention of the plan that the organisation
has now **and** sealed, and then GRACE is left, in which a larger plan takes it back. Nothing ends
earlier: whatever is not known, such as a plan, counts as the longest.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from tenantry.audit.model import Entry, Span, instant
from tenantry.audit.seal_repository import SealedOrganizations, Seals

RETENTION: Final[Mapping[str, timedelta]] = {
    "FREE": timedelta(days=90),
    "STARTER": timedelta(days=365),
    "PROFESSIONAL": timedelta(days=2 * 365),
    "ENTERPRISE": timedelta(days=7 * 365 + 2),
}
LONGEST: Final = max(RETENTION.values())
GRACE: Final = timedelta(days=7)
ROUND: Final = timedelta(hours=20)
"""A round through all organisations begins at most this often."""
AT_ONCE: Final = 200
_START: Final = "2000-01-01T00:00:00.000000Z"


@dataclass(frozen=True)
class Progress:
    """Where a round stands: `after` is the organisations' cursor, None when it has ended."""

    begun_at: datetime | None = None
    after: str | None = None
    is_under_way: bool = False


class Plans(Protocol):
    def of(self, tenant_id: str) -> str | None:
        """The plan that an organisation has now; None when nobody knows."""


class RetentionLog(Protocol):
    """Entries, and how far they have been given an end."""

    def marked_through(self, tenant_id: str) -> str | None:
        """The position up to which entries have an end; None when none has."""

    def mark(self, tenant_id: str, entries: list[Entry], purge_at: datetime) -> None:
        """Give entries an end, then note the last of them."""

    def keep(self, tenant_id: str, entries: list[Entry], through: str) -> None:
        """Take their end from entries, then note `through`."""

    def read(
        self, tenant_id: str, month: str, span: Span, limit: int, *, newest_first: bool = False
    ) -> list[Entry]:
        """Up to `limit` entries of a month within `span`, oldest first, consistent."""

    def first_month(self, tenant_id: str) -> str | None:
        """The month an organisation began in; None when nobody knows."""

    def progress(self) -> Progress: ...

    def save(self, progress: Progress) -> None: ...


@dataclass(frozen=True)
class RetentionSweep:
    """Goes through all organisations, as far as there is time; the next run goes on."""

    organizations: SealedOrganizations
    seals: Seals
    plans: Plans
    log: RetentionLog
    now: Callable[[], datetime]

    def run(self, has_time: Callable[[], bool]) -> int:
        """One run; answers how many entries were given an end, or had it taken."""
        now, changed = self.now(), 0
        progress = self.log.progress()
        if not progress.is_under_way:
            if progress.begun_at and now - progress.begun_at < ROUND:
                return 0
            progress = Progress(now, None, is_under_way=True)
        while True:
            tenants, after = self.organizations.page(progress.after, AT_ONCE)
            for tenant_id in tenants:
                count, is_done = self.sweep(tenant_id, has_time)
                changed += count
                if not is_done:
                    self.log.save(progress)
                    return changed
            progress = Progress(progress.begun_at, after, is_under_way=after is not None)
            self.log.save(progress)
            if after is None or not has_time():
                return changed

    def sweep(self, tenant_id: str, has_time: Callable[[], bool]) -> tuple[int, bool]:
        """One organisation: how many entries changed, and whether it is done.

        Time is asked for after each batch, so that every run gets on.
        """
        sealed = self.seals.sealed_through(tenant_id)
        if sealed is None:
            return 0, True
        now = self.now()
        kept = RETENTION.get(self.plans.of(tenant_id) or "", LONGEST)
        end, marked = instant(now - kept), self.log.marked_through(tenant_id)
        if marked and marked >= end:
            return self._take_back(tenant_id, Span(end, f"{marked} "), has_time)
        first = self.log.first_month(tenant_id) or _START
        span = Span(max(first, marked or _START), end)
        if marked:
            span = span.beyond(marked)
        changed = 0
        for month in [] if span.is_empty else list(span.months())[::-1]:
            while True:
                found = self.log.read(tenant_id, month, span, AT_ONCE)
                due = _before_one(found, lambda entry: entry.seal_day > sealed)
                if due:
                    self.log.mark(tenant_id, due, now + GRACE)
                    changed += len(due)
                if len(due) < len(found):
                    return changed, True  # the rest waits for its seal
                if len(found) < AT_ONCE:
                    break
                span = span.beyond(found[-1].position)
                if not has_time():
                    return changed, False
        return changed, True

    def _take_back(
        self, tenant_id: str, span: Span, has_time: Callable[[], bool]
    ) -> tuple[int, bool]:
        """Entries that a plan of today keeps longer have no end any more, newest first.

        The mark moves down with them, so the next run goes on.
        """
        changed, begin = 0, span.oldest
        for month in span.months():
            while True:
                found = self.log.read(tenant_id, month, span, AT_ONCE, newest_first=True)
                if found:
                    self.log.keep(tenant_id, found, found[-1].position)
                    changed += len(found)
                if len(found) < AT_ONCE:
                    break
                span = span.after(found[-1].position)
                if not has_time():
                    return changed, False
        self.log.keep(tenant_id, [], begin)
        return changed, True


def _before_one(entries: list[Entry], stops: Callable[[Entry], bool]) -> list[Entry]:
    """The entries that come before the first one of a kind."""
    for number, entry in enumerate(entries):
        if stops(entry):
            return entries[:number]
    return entries
