"""How long entries are kept, by plan, and the sweep that gives those past it an end.

An entry is given `purge_at` only when it is past the retention of the plan that the organisation
has now **and** sealed, and then GRACE is left, in which a larger plan takes it back. Nothing ends
earlier: whatever is not known, such as a plan, counts as the longest.

How far entries have an end, and when each end comes, is noted in `Marks`: so what ended is told
from what was lost, also after a larger plan.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol, Self

from tenantry.audit.model import Entry, Span, instant
from tenantry.audit.seal_repository import SealedOrganizations, Seals
from tenantry.errors import CorruptDataError

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
MARGIN: Final = timedelta(hours=1)
"""An end that comes within it is not taken back: its entry might go meanwhile."""
AT_ONCE: Final = 200
_START: Final = "2000-01-01T00:00:00.000000Z"


@dataclass(frozen=True)
class Progress:
    """Where a round stands: `after` is the organisations' cursor, None when it has ended."""

    begun_at: datetime | None = None
    after: str | None = None
    is_under_way: bool = False


@dataclass(frozen=True)
class Marks:
    """How far an organisation's entries have an end, and when these ends come."""

    through: str | None = None
    """The position up to which entries have an end."""
    gone: str | None = None
    """The position up to which an end had come when this was written. It never moves back."""
    ends: tuple[tuple[datetime, str], ...] = ()
    """Ends to come, soonest first, each with the position up to which entries have it."""

    def gone_through(self, moment: datetime) -> str | None:
        """The position up to which entries may be gone at a moment; None when none may."""
        came = [position for end, position in self.ends if end <= moment]
        return max([self.gone, *came] if self.gone else came, default=None)

    def marked(self, through: str, purge_at: datetime, now: datetime) -> Self:
        """Entries up to `through` have an end, those beyond the mark the end `purge_at`."""
        others = tuple(each for each in self.ends if each[0] != purge_at)
        marks = replace(self, through=through, ends=(*others, (purge_at, through)))
        return marks._settled(now)

    def taken_back(self, through: str, now: datetime) -> Self:
        """No entry beyond `through` has an end any more."""
        ends, covered = list[tuple[datetime, str]](), ""
        for end, position in self.ends:
            if covered < through:
                ends.append((end, min(position, through)))
            covered = position
        return replace(self, through=through, ends=tuple(ends))._settled(now)

    def _settled(self, now: datetime) -> Self:
        """With the ends that came told by `gone` alone."""
        to_come = tuple(each for each in self.ends if each[0] > now)
        return replace(self, gone=self.gone_through(now), ends=to_come)


class Plans(Protocol):
    def of(self, tenant_id: str) -> str | None:
        """The plan that an organisation has now; None when nobody knows."""


class RetentionLog(Protocol):
    """Entries, and how far they have been given an end."""

    def marks(self, tenant_id: str) -> Marks:
        """What was noted last, strongly consistent; CorruptDataError when it cannot be read."""

    def mark(self, tenant_id: str, entries: list[Entry], purge_at: datetime, marks: Marks) -> None:
        """Give entries an end, then note `marks`."""

    def keep(self, tenant_id: str, entries: list[Entry], marks: Marks) -> None:
        """Take their end from entries, then note `marks`."""

    def read(
        self, tenant_id: str, month: str, span: Span, limit: int, *, newest_first: bool = False
    ) -> list[Entry]:
        """Up to `limit` entries of a month within `span`, oldest first, consistent.

        CorruptDataError when one of them cannot be read.
        """

    def first_month(self, tenant_id: str) -> str | None:
        """The month an organisation began in; None when nobody knows."""

    def progress(self) -> Progress: ...

    def save(self, progress: Progress) -> None: ...


@dataclass(frozen=True)
class RetentionSweep:
    """Goes through all organisations, as far as there is time; the next run goes on.

    `report` is told of one whose log holds what cannot be read: it keeps all it has from there on,
    and the others are gone through.
    """

    organizations: SealedOrganizations
    seals: Seals
    plans: Plans
    log: RetentionLog
    now: Callable[[], datetime]
    report: Callable[[str, str], None]

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
                try:
                    count, is_done = self.sweep(tenant_id, has_time)
                except CorruptDataError as error:
                    self.report(f"retention: {error}", tenant_id)
                    continue
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
        end, marks = instant(now - kept), self.log.marks(tenant_id)
        marked = marks.through
        if marked and marked >= end:
            return self._take_back(tenant_id, end, marks, has_time)
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
                    marks = marks.marked(due[-1].position, now + GRACE, now)
                    self.log.mark(tenant_id, due, now + GRACE, marks)
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
        self, tenant_id: str, end: str, marks: Marks, has_time: Callable[[], bool]
    ) -> tuple[int, bool]:
        """Entries from `end` on have no end any more, newest first, but for those that are gone.

        The mark moves down with them, so the next run goes on. It stays at what is gone, of which
        verification would else say that it is missing.
        """
        now, changed = self.now(), 0
        gone = marks.gone_through(now + MARGIN)
        begin = max(end, gone or end)
        if marks.through is None or marks.through <= begin:
            return 0, True
        span = Span(end, f"{marks.through} ")
        span = span.beyond(gone) if gone and gone >= end else span
        for month in span.months():
            while True:
                found = self.log.read(tenant_id, month, span, AT_ONCE, newest_first=True)
                if found:
                    marks = marks.taken_back(found[-1].position, now)
                    self.log.keep(tenant_id, found, marks)
                    changed += len(found)
                if len(found) < AT_ONCE:
                    break
                span = span.after(found[-1].position)
                if not has_time():
                    return changed, False
        self.log.keep(tenant_id, [], marks.taken_back(begin, now))
        return changed, True


def _before_one(entries: list[Entry], stops: Callable[[Entry], bool]) -> list[Entry]:
    """The entries that come before the first one of a kind."""
    for number, entry in enumerate(entries):
        if stops(entry):
            return entries[:number]
    return entries
