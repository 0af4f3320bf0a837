"""Use case: measure what organisations have stored, over all of them, and set their counters to it.

Uploads go straight to the buckets by forms that were signed before, so nobody of ours sees their
end: what lies there is what counts, and the daily measurement says what that is.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol

from tenantry.errors import (
    ConflictError,
    CorruptDataError,
    OrganizationMovingError,
    UnavailableError,
    UnknownRouteError,
)
from tenantry.messaging.stamp import Cause, Stamp
from tenantry.organizations.counters import ATTRIBUTES, Kind
from tenantry.organizations.model import Organization
from tenantry.organizations.room import Room
from tenantry.tenancy.stored import Measuring, Metered, TenantMeter
from tenantry.usage.events import CounterDrifted
from tenantry.usage.model import UsageLedger
from tenantry.usage.repository import UsageRepository
from tenantry.usage.service import Sweep

if TYPE_CHECKING:
    from tenantry.tenancy.router import Routed

COUNTER: Final = ATTRIBUTES[Kind.STORAGE]
KEPT: Final = timedelta(days=400)
"""So long are measurements of a day: a year is compared with the one before."""
TURN: Final = 250
"""Pages of an organisation's objects before it is another's turn: as a rule less than a minute."""
_STALE: Final = timedelta(days=2)
"""What nobody went on with for so long is begun anew: what it has counted has changed since."""
_GONE: Final = "deleted"
_TRIES: Final = 5


@dataclass(frozen=True)
class Counter:
    """The counter of storage: its value, how often it has moved, and how many bytes ever had room.

    None where there was none.
    """

    value: int | None = None
    moves: int | None = None
    passed: int | None = None


class MeteringStore(Protocol):
    def waiting(self) -> list[Measuring]:
        """Measurements that stopped on their way, the one that waits longest first."""

    def is_waiting(self, tenant_id: str) -> bool:
        """Whether an organisation's measurement has stopped on its way."""

    def stop(self, measuring: Measuring) -> None:
        """Keep how far it has come."""

    def forget(self, tenant_id: str) -> None:
        """None of an organisation is on its way any more."""

    def counter(self, tenant_id: str) -> Counter:
        """The counter of an organisation, strongly consistent."""

    def rooms(self, tenant_id: str) -> list[Room]:
        """Room that is not settled, strongly consistent."""

    def settle(self, room: Room) -> None:
        """Nothing came of it; ConflictError when somebody was there first."""

    def keep(self, metered: Metered, counter: tuple[Counter, int] | None) -> bool:
        """Store it, over an earlier one of the day, and with it the counter's new value.

        False when the counter has moved since it was seen: then all but the counter is stored.
        """


@dataclass(frozen=True)
class Tally:
    """What a run has measured."""

    pages: int = 0
    organizations: int = 0
    bytes: int = 0
    old_bytes: int = 0
    drifted: int = 0


@dataclass(frozen=True)
class Run:
    """What a run has done, and how the measurement stands after it."""

    tally: Tally
    ended: bool
    """Whether the round came to its end."""
    age: timedelta
    """How long ago the latest round was begun."""
    waiting: tuple[str, ...]
    """Organisations with more than fits into a turn, which later runs go on with."""
    longest: timedelta
    """How long ago the oldest of these measurements was begun."""


@dataclass
class StorageMetering:
    """`meter` counts an organisation's objects; `may_go_on` is asked between pages of them.

    Whoever has more than fits into a turn holds nobody up: it waits with what was counted, and is
    gone on with beside the rounds, however many of them pass.
    """

    usage: UsageRepository
    store: MeteringStore
    meter: "Callable[[Routed], TenantMeter]"
    stamp: Stamp
    may_go_on: Callable[[], bool]
    report: Callable[[str, str], None] = lambda _what, _tenant_id: None
    tally: Tally = Tally()
    turn: int = TURN

    def run(self, sweep: Sweep, is_early: Callable[[], bool], *, anew: bool = False) -> Run:
        """Go on with what waits while it `is_early`, so that the round has its share of the time;
        then with the round, and in what is left of the time with what waits."""
        self.go_on(is_early)
        swept = sweep.run(self.visit, self.may_go_on, anew=anew)
        while self.may_go_on() and self.go_on(self.may_go_on):
            pass
        waiting, now = self.store.waiting(), self.stamp.now()
        return Run(
            self.tally,
            swept.ended,
            sweep.age(),
            tuple(each.tenant_id for each in waiting),
            max((now - each.began_at for each in waiting), default=timedelta()),
        )

    def visit(self, tenant_ids: Sequence[str]) -> int:
        """Measure these, each as far as its turn goes; answers how many were measured whole.

        Emits CounterDrifted where a context moves the counter of storage, and it was wrong.
        """
        before = self.tally.organizations
        for tenant_id, found in self.usage.read(tenant_ids).items():
            if not self.store.is_waiting(tenant_id):
                self._take(tenant_id, found, None, self.may_go_on)
        return self.tally.organizations - before

    def go_on(self, may_go_on: Callable[[], bool]) -> bool:
        """A turn of each that waits, while there is time; answers whether any came further."""
        before = self.tally.pages
        for begun in self.store.waiting():
            if not may_go_on():
                break
            found = self.usage.read([begun.tenant_id])
            if begun.tenant_id in found:
                self._take(begun.tenant_id, found[begun.tenant_id], begun, may_go_on)
            else:
                self.store.forget(begun.tenant_id)
        return self.tally.pages > before

    def _take(
        self,
        tenant_id: str,
        found: tuple[Organization, UsageLedger] | None,
        begun: Measuring | None,
        may_go_on: Callable[[], bool],
    ) -> None:
        """An organisation's turn, going on with what was `begun`."""
        if found is None:
            self.report("storage cannot be measured: an item breaks its schema", tenant_id)
            return
        try:
            whole = self._counted(found[0], begun, may_go_on)
            if whole and whole.area is not None:
                self.store.stop(whole.stopped(self.stamp.now()))
                return
            if whole:
                self._kept(whole)
        except OrganizationMovingError:
            pass  # it is set up, or taken away: another day
        except UnknownRouteError as error:
            self.report(f"storage cannot be measured: {error.code}", tenant_id)
        except CorruptDataError:
            self.report("storage was measured and not kept: an item cannot be read", tenant_id)
        if begun:
            self.store.forget(tenant_id)

    def _counted(
        self,
        organization: Organization,
        begun: Measuring | None,
        may_go_on: Callable[[], bool],
    ) -> Measuring | None:
        """As much as there is time for; None of an organisation that has gone."""
        if organization.route.get("state") == _GONE:
            return None
        meter = self.meter(organization)
        its = self._goes_on(begun, organization, meter.place)
        for _ in range(self.turn):
            if its.area is None or not may_go_on():
                break
            try:
                found, position = meter.page(its.area, its.position)
            except UnavailableError:
                break  # its bucket is busy, or out of reach for a while: others' are not
            its = its.counted(its.area, found, position)
            self.tally = replace(self.tally, pages=self.tally.pages + 1)
        return its

    def _goes_on(self, begun: Measuring | None, its: Organization, place: str) -> Measuring:
        now = self.stamp.now()
        if begun and begun.place == place and now - (begun.stopped_at or now) < _STALE:
            return begun
        seen, rooms = self._looked_at(its.tenant_id)
        if ended := [room for room in rooms if room.until <= now]:
            for room in ended:
                with suppress(ConflictError):  # its own context was there first
                    self.store.settle(room)
            seen, rooms = self._looked_at(its.tenant_id)
        return Measuring(
            tenant_id=its.tenant_id,
            place=place,
            began_at=now,
            began_with=seen.value or 0,
            passed=seen.passed or 0,
            open=sum(room.bytes for room in rooms),
        )

    def _looked_at(self, tenant_id: str) -> tuple[Counter, list[Room]]:
        """In this order: room that is given in between counts twice, and none is left out."""
        seen = self.store.counter(tenant_id)
        return seen, self.store.rooms(tenant_id)

    def _kept(self, its: Measuring) -> None:
        metered = its.ended(self.stamp.now())
        total, drifted = metered.total, False
        for _ in range(_TRIES):
            seen = self.store.counter(its.tenant_id)
            value = its.sets(seen.value or 0, seen.passed or 0)
            if not self.store.keep(metered, None if value is None else (seen, value)):
                continue  # it has moved in between: what it may say has moved with it
            drifted = value is not None and seen.moves is not None
            if value is not None and drifted:
                self._tell(its.tenant_id, seen.value or 0, value)
            break
        else:
            self.report("a counter moves too often to be set; the next round tries", its.tenant_id)
        self.tally = replace(
            self.tally,
            organizations=self.tally.organizations + 1,
            bytes=self.tally.bytes + total.bytes,
            old_bytes=self.tally.old_bytes + total.old_bytes,
            drifted=self.tally.drifted + drifted,
        )

    def _tell(self, tenant_id: str, counted: int, found: int) -> None:
        data = CounterDrifted(
            organization_id=tenant_id, counter=COUNTER, counted=counted, rows=found
        )
        before = self.usage.ledger(tenant_id)
        try:
            self.usage.tell(before, before.next(), (self.stamp.event(data, Cause()),))
        except ConflictError:
            self.report("a counter had drifted and is repaired, but no event tells it", tenant_id)
