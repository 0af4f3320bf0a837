"""Adapter: measurements of what organisations have stored, on the platform table.

ORG#<org>             STORAGE#<day>   the measurement of a day, the latest of it
ORG#<org>             ROOM#<room>     what is on its way, of whoever keeps files
SWEEP#meter-storage   MEASURING#<org> one that has stopped on its way, of an organisation with much
"""

from typing import Final

from pydantic import ValidationError

from tenantry.errors import ConflictError, CorruptDataError
from tenantry.organizations.room import PASSED, ROOMS, Room, settled
from tenantry.persistence.items import Item
from tenantry.persistence.keys import Key, key, organization_key, organization_pk, part
from tenantry.persistence.table import ConditionFailedError, Table
from tenantry.persistence.writes import Assign, Create, moves_of
from tenantry.tenancy.stored import Measuring, Metered
from tenantry.usage.storage import COUNTER, KEPT, Counter

_COUNTER: Final = (COUNTER, moves_of(COUNTER), PASSED)
_DAY: Final = "STORAGE#"
_SWEEP: Final = "SWEEP#meter-storage"
_MEASURING: Final = "MEASURING#"
_PAGE: Final = 100


class DynamoDBMetering:
    def __init__(self, table: Table) -> None:
        self._table = table

    def waiting(self) -> list[Measuring]:
        items = self._all(_SWEEP, _MEASURING)
        found = [each for each in map(_measuring, items) if each]
        return sorted(found, key=lambda each: each.stopped_at or each.began_at)

    def is_waiting(self, tenant_id: str) -> bool:
        found = self._table.get(_measuring_key(tenant_id))
        return found is not None and _measuring(found) is not None

    def stop(self, measuring: Measuring) -> None:
        item = measuring.model_dump(mode="json", exclude_none=True)
        where = _measuring_key(measuring.tenant_id)
        self._table.put({**where, "entity_type": "Measuring", **item})

    def forget(self, tenant_id: str) -> None:
        self._table.delete(_measuring_key(tenant_id))

    def counter(self, tenant_id: str) -> Counter:
        item = self._table.get(organization_key(tenant_id)) or {}
        return Counter(*(item.get(name) for name in _COUNTER))

    def rooms(self, tenant_id: str) -> list[Room]:
        try:
            return [Room(**item) for item in self._all(organization_pk(tenant_id), ROOMS)]
        except ValidationError as error:
            raise CorruptDataError("a stored Room breaks its schema") from error

    def settle(self, room: Room) -> None:
        try:
            self._table.transact(settled(room))
        except ConditionFailedError as failure:
            raise ConflictError("It is settled, or was never counted.") from failure

    def page(
        self, tenant_id: str, limit: int, after: str | None
    ) -> tuple[list[Metered], str | None]:
        page = self._table.query(
            organization_pk(tenant_id),
            prefix=_DAY,
            limit=limit,
            start=_day_key(tenant_id, after) if after else None,
            newest_first=True,
        )
        last = page.next_key["SK"].removeprefix(_DAY) if page.next_key else None
        return [_metered(item) for item in page.items], last

    def keep(self, metered: Metered, counter: tuple[Counter, int] | None) -> bool:
        row = self._row(metered)
        if counter is None:
            self._table.write(row)
            return True
        seen, value = counter
        as_seen = dict(zip(_COUNTER, (seen.value, seen.moves, seen.passed), strict=True))
        sets = Assign(organization_key(metered.tenant_id), {COUNTER: value}, as_seen)
        try:
            self._table.transact((sets, row))
        except ConditionFailedError:
            self._table.write(row)
            return False
        return True

    def _all(self, pk: str, prefix: str) -> list[Item]:
        items, start = list[Item](), None
        while True:
            page = self._table.query(pk, prefix=prefix, limit=_PAGE, start=start)
            items += page.items
            if (start := page.next_key) is None:
                return items

    @staticmethod
    def _row(metered: Metered) -> Create:
        where = _day_key(metered.tenant_id, metered.day.isoformat())
        purge_at = int((metered.measured_at + KEPT).timestamp())
        item = {
            "entity_type": "StorageUsage",
            "entity_id": metered.day.isoformat(),
            "purge_at": purge_at,
            **metered.model_dump(mode="json", exclude_none=True),
        }
        return Create(where, item, replace_if={"entity_type": "StorageUsage"})


def _day_key(tenant_id: str, day: str) -> Key:
    return key(organization_pk(tenant_id), f"{_DAY}{part(day)}")


def _measuring_key(tenant_id: str) -> Key:
    return key(_SWEEP, f"{_MEASURING}{part(tenant_id)}")


def _measuring(item: Item) -> Measuring | None:
    """None of what cannot be gone on with: it is our own, and is measured anew."""
    try:
        return Measuring.model_validate(item)
    except ValidationError:
        return None


def _metered(item: Item) -> Metered:
    try:
        return Metered.model_validate(item)
    except ValidationError as error:
        raise CorruptDataError("a stored Metered breaks its schema") from error
