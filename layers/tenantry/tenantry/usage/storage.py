"""Use case: measure what organisations have stored, over all of them, and set their counters to it.

Uploads go straight to the buckets by forms that were signed before, so nobody of ours sees their
end: what lies there is what counts, and the daily measurement says what that is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol

from tenantry.errors import (
    ConflictError,
    CorruptDataError,
    OrganizationMovingError,
    UnknownRouteError,
)
from tenantry.messaging.stamp import Cause, Stamp
from tenantry.organizations.counters import ATTRIBUTES, Kind
from tenantry.organizations.model import Organization
from tenantry.tenancy.stored import Measuring, Metered, TenantMeter
from tenantry.usage.events import CounterDrifted
from tenantry.usage.model import Counted
from tenantry.usage.repository import UsageRepository

if TYPE_CHECKING:
    from tenantry.tenancy.router import Routed

COUNTER: Final = ATTRIBUTES[Kind.STORAGE]
KEPT: Final = timedelta(days=400)
"""So long are measurements of a day: a year is compared with the one before."""
_STALE: Final = timedelta(days=1)
"""What stopped longer ago is begun anew: what it has counted has changed since."""
_GONE: Final = "deleted"


class MeteringStore(Protocol):
    def measuring(self) -> Measuring | None:
        """The measurement that is on its way; the sweep has one at a time."""

    def stop(self, measuring: Measuring | None) -> None:
        """Keep where it stopped; None forgets it."""

    def latest(self, tenant_id: str) -> Metered | None:
        """The latest measurement of an organisation."""

    def keep(self, metered: Metered, counter: tuple[Counted, int] | None) -> bool:
        """Store it, over an earlier one of the day, and with it the counter's new value.

        False when the counter has moved since it was seen: then all but the counter is stored.
        """


@dataclass(frozen=True)
class Tally:
    """What a run has measured."""

    organizations: int = 0
    bytes: int = 0
    old_bytes: int = 0
    drifted: int = 0


@dataclass
class StorageMetering:
    """`meter` counts an organisation's objects; `may_go_on` is asked between pages of them."""

    usage: UsageRepository
    store: MeteringStore
    meter: "Callable[[Routed], TenantMeter]"
    stamp: Stamp
    may_go_on: Callable[[], bool]
    report: Callable[[str, str], None] = lambda _what, _tenant_id: None
    tally: Tally = Tally()

    def visit(self, tenant_ids: Sequence[str]) -> int | None:
        """Measure these; answers how many were, None when there is no time for all of one.

        Emits CounterDrifted where a context moves the counter of storage, and it was wrong.
        """
        measured = 0
        for tenant_id, found in self.usage.read(tenant_ids).items():
            if found is None:
                self.report("storage cannot be measured: an item breaks its schema", tenant_id)
                continue
            organization = found[0]
            if organization.route.get("state") == _GONE:
                continue
            try:
                whole = self._measured(organization)
            except OrganizationMovingError:
                continue  # it is set up, or taken away: another day
            except UnknownRouteError as error:
                self.report(f"storage cannot be measured: {error.code}", tenant_id)
                continue
            if whole is None:
                return None
            try:
                self._kept(whole)
            except CorruptDataError:
                # Nobody else's is measured the later for it.
                self.report("storage was measured and not kept: an item cannot be read", tenant_id)
                continue
            measured += 1
        return measured

    def _measured(self, organization: Organization) -> Measuring | None:
        """All that there is, going on where an earlier run stopped; None when time is up."""
        meter, begun = self.meter(organization), self.store.measuring()
        its = self._goes_on(begun, organization, meter.place)
        while its.area is not None:
            if not self.may_go_on():
                self.store.stop(its)
                return None
            its = its.counted(its.area, *meter.page(its.area, its.position))
        if begun is not None:
            self.store.stop(None)
        return its

    def _goes_on(self, begun: Measuring | None, its: Organization, place: str) -> Measuring:
        now = self.stamp.now()
        same = begun and (begun.tenant_id, begun.place) == (its.tenant_id, place)
        if begun and same and now - begun.began_at < _STALE:
            return begun
        seen = self.usage.counted(its.tenant_id, COUNTER) or Counted(None, None)
        return Measuring(
            tenant_id=its.tenant_id, place=place, began_at=now, value=seen.value, moves=seen.moves
        )

    def _kept(self, its: Measuring) -> None:
        metered = its.ended(self.stamp.now())
        total, counted = metered.total, its.value or 0
        seen = Counted(its.value, its.moves)
        sets = (seen, total.bytes) if self._is_wrong(its, total.bytes) else None
        done = self.store.keep(metered, sets)
        drifted = done and sets is not None and its.moves is not None
        if drifted:
            self._tell(its.tenant_id, counted, total.bytes)
        self.tally = Tally(
            self.tally.organizations + 1,
            self.tally.bytes + total.bytes,
            self.tally.old_bytes + total.old_bytes,
            self.tally.drifted + drifted,
        )

    def _is_wrong(self, its: Measuring, found: int) -> bool:
        """Whether the counter is to be set.

        One that says too little is. One that says too much may hold room for what is still on its
        way, so it has to have stood still since the measurement before.
        """
        counted = its.value or 0
        if found >= counted or its.moves is None:
            return found != counted
        before = self.store.latest(its.tenant_id)
        return before is not None and before.moves == its.moves

    def _tell(self, tenant_id: str, counted: int, found: int) -> None:
        data = CounterDrifted(
            organization_id=tenant_id, counter=COUNTER, counted=counted, rows=found
        )
        before = self.usage.ledger(tenant_id)
        try:
            self.usage.tell(before, before.next(), (self.stamp.event(data, Cause()),))
        except ConflictError:
            self.report("a counter had drifted and is repaired, but no event tells it", tenant_id)
