"""Use cases on usage: warn of limits and prove counters, over all organisations."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from tenantry.errors import ConflictError, CorruptDataError, UnknownRouteError
from tenantry.messaging.stamp import Cause, Stamp
from tenantry.organizations.counters import usage_of
from tenantry.tenancy.access import OrganizationStatus
from tenantry.usage.events import CounterDrifted
from tenantry.usage.model import Progress
from tenantry.usage.repository import (
    OwnCounter,
    ProgressStore,
    Register,
    RowCounter,
    UsageRepository,
)

PAGE: Final = 50
"""Organisations between two notes of how far a sweep has come."""
_TRIES: Final = 3


@dataclass(frozen=True)
class Swept:
    """What a run of a sweep did: organisations visited, and what was found."""

    visited: int = 0
    found: int = 0
    ended: bool = False
    """Whether the round came to its end."""

    def and_then(self, other: "Swept") -> "Swept":
        """Both together: ended when both are."""
        return Swept(
            self.visited + other.visited, self.found + other.found, self.ended and other.ended
        )


@dataclass(frozen=True)
class Sweep:
    """Visits every organisation once a round, over as many runs as it takes."""

    name: str
    register: Register
    progress: ProgressStore
    stamp: Stamp
    every: timedelta
    """From the beginning of a round to that of the next one."""
    at_once: int = PAGE

    def run(
        self,
        visit: Callable[[Sequence[str]], int | None],
        may_go_on: Callable[[], bool],
        *,
        anew: bool = False,
    ) -> Swept:
        """Go on with the round, or begin one when it is time, as long as there is time.

        `anew` begins a round whatever the time. `visit` answers what it found, None when it had no
        time for all of the page. That, or a page that fails, is visited again by the next run;
        another run of the same sweep ends this one.
        """
        at = self.progress.read(self.name)
        now, visited, found = self.stamp.now(), 0, 0
        is_due = at.began_at is None or now - at.began_at >= self.every
        if not anew and not at.is_under_way and not is_due:
            return Swept()
        try:
            if anew or not at.is_under_way:
                at = self._saved(at.begun(now))
            while not at.is_through and may_go_on():
                page, following = self.register.page(at.after, self.at_once)
                if not page:
                    at = at.skipped(following)
                    continue
                told = visit(page)
                if told is None:
                    return Swept(visited, found)
                found += told
                visited += len(page)
                at = self._saved(at.visited(following))
            if at.is_through:
                at = self._saved(at.ended(self.stamp.now()))
        except ConflictError:
            return Swept(visited, found)
        return Swept(visited, found, ended=at.ended_at is not None)

    def age(self) -> timedelta:
        """How long ago the latest round was begun: more than `every`, and its own time, is late."""
        began_at = self.progress.read(self.name).began_at
        return self.stamp.now() - began_at if began_at else timedelta()

    def _saved(self, progress: Progress) -> Progress:
        self.progress.save(progress)
        return progress


@dataclass(frozen=True)
class UsageWarnings:
    """Tells when 80 and 100 percent of a limit are used, each once."""

    usage: UsageRepository
    stamp: Stamp
    report: Callable[[str, str], None] = lambda _what, _tenant_id: None
    """Told of an organisation that cannot be dealt with, and why."""

    def visit(self, tenant_ids: Sequence[str]) -> int:
        """Tell what is to be told of these; answers how much. Emits UsageWarning and
        UsageWarningCleared.
        """
        told = 0
        for tenant_id, found in self.usage.read(tenant_ids).items():
            if found is None:
                self.report("limits cannot be looked at: an item breaks its schema", tenant_id)
                continue
            if found[0].status is OrganizationStatus.CANCELLED:
                continue
            organization, before = found
            after, data = before.after(usage_of(organization, self.stamp.now()))
            if not data:
                continue
            try:
                events = [self.stamp.event(each, Cause()) for each in data]
                self.usage.tell(before, after, events)
            except ConflictError:
                continue  # another run was there first
            told += len(data)
        return told


@dataclass(frozen=True)
class OwnProof:
    """As `CounterProof`, of a counter that its context proves and repairs itself.

    The repair comes first and its event is a write of its own: a stop between the two leaves the
    counter right, and untold.
    """

    own: OwnCounter
    usage: UsageRepository
    stamp: Stamp
    report: Callable[[str, str], None] = lambda _what, _tenant_id: None

    def visit(self, tenant_ids: Sequence[str]) -> int:
        """Prove the counters of these; answers how many had drifted. Emits CounterDrifted."""
        return sum(self._prove(tenant_id) for tenant_id in tenant_ids)

    def _prove(self, tenant_id: str) -> bool:
        try:
            drifted = self.own.prove(tenant_id)
        except (CorruptDataError, UnknownRouteError) as error:
            self.report(f"a counter cannot be proven: {error.code}", tenant_id)
            return False
        if drifted is None:
            return False
        counted, rows = drifted
        data = CounterDrifted(
            organization_id=tenant_id, counter=self.own.counter, counted=counted, rows=rows
        )
        event = self.stamp.event(data, Cause())
        for _ in range(_TRIES):
            before = self.usage.ledger(tenant_id)
            try:
                self.usage.tell(before, before.next(), (event,))
            except ConflictError:
                continue  # a warning was told meanwhile
            return True
        self.report("a counter had drifted and is repaired, but no event tells of it", tenant_id)
        return True


@dataclass(frozen=True)
class CounterProof:
    """Proves that a counter equals the rows it counts, and repairs one that does not."""

    rows: RowCounter
    usage: UsageRepository
    stamp: Stamp
    report: Callable[[str, str], None] = lambda _what, _tenant_id: None
    """Told of an organisation that could not be proven, and why."""
    pause: Callable[[float], None] = lambda _seconds: None

    def visit(self, tenant_ids: Sequence[str]) -> int:
        """Prove the counters of these; answers how many had drifted. Emits CounterDrifted."""
        return sum(self._prove(tenant_id) for tenant_id in tenant_ids)

    def _prove(self, tenant_id: str) -> bool:
        """Whether the counter had drifted, and is repaired.

        What is compared stood still: a counter that moved while its rows were read has another
        number of moves, and the comparison is made again. Where rows may come some time after their
        counter has moved, a difference counts only when it is the same after that time.
        """
        counter = self.rows.counter
        for _ in range(_TRIES):
            try:
                seen = self.usage.counted(tenant_id, counter)
                if seen is None:
                    return False
                rows = self.rows.rows(tenant_id)
                if rows == (counted := seen.value or 0):
                    return False
                if settles := self.rows.settles.total_seconds():
                    self.pause(settles)
                    if self.rows.rows(tenant_id) != rows:
                        continue
                if self.usage.counted(tenant_id, counter) != seen:
                    continue
                before = self.usage.ledger(tenant_id)
                data = CounterDrifted(
                    organization_id=tenant_id, counter=counter, counted=counted, rows=rows
                )
                event = self.stamp.event(data, Cause())
                self.usage.repair(counter, seen, rows, (before, before.next()), event)
            except ConflictError:
                continue
            except CorruptDataError:
                self.report("a counter cannot be proven: its rows break their schema", tenant_id)
                return False
            return True
        self.report("a counter moves too often to be proven; the next round tries", tenant_id)
        return False
