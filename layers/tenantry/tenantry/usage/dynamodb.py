"""Adapters: usage in the platform table.

ORG#<id>               USAGE       what was told of an organisation's usage
SWEEP#<name>           PROGRESS    how far a sweep has come
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from pydantic import ValidationError

from tenantry.errors import ConflictError, CorruptDataError
from tenantry.messaging.event import Event
from tenantry.organizations.model import Organization
from tenantry.persistence.items import Item
from tenantry.persistence.keys import Key, key, organization_key, organization_pk, part
from tenantry.persistence.table import ConditionFailedError, Table
from tenantry.persistence.writes import Assign, Change, Create, moves_of
from tenantry.usage.model import Counted, Progress, UsageLedger

_PAGE = 200
_SEATED = frozenset({"ACTIVE", "SUSPENDED"})
_PENDING = "PENDING"


class DynamoDBProgress:
    def __init__(self, table: Table) -> None:
        self._table = table

    def read(self, name: str) -> Progress:
        found = self._table.get(_progress_key(name))
        return _valid(Progress, found) if found else Progress(name=name)

    def save(self, progress: Progress) -> None:
        item = progress.model_dump(mode="json", exclude={"entity_version"})
        where = _progress_key(progress.name)
        _written(self._table, where, progress.entity_version, {"entity_type": "Sweep", **item}, ())


class DynamoDBUsage:
    def __init__(self, table: Table) -> None:
        self._table = table

    def read(
        self, tenant_ids: Sequence[str]
    ) -> Mapping[str, tuple[Organization, UsageLedger] | None]:
        keys = [key_(tenant) for tenant in tenant_ids for key_ in (organization_key, _usage_key)]
        items = iter(self._table.get_all(keys))
        return {
            tenant: _both(tenant, organization, told)
            for tenant, organization, told in zip(tenant_ids, items, items, strict=True)
            if organization
        }

    def tell(self, before: UsageLedger, after: UsageLedger, events: Sequence[Event]) -> None:
        where = _usage_key(before.tenant_id)
        _written(self._table, where, after.entity_version, _ledger_item(after), tuple(events))

    def counted(self, tenant_id: str, counter: str) -> Counted | None:
        found = self._table.get(organization_key(tenant_id))
        if found is None:
            return None
        return Counted(found.get(counter), found.get(moves_of(counter)))

    def ledger(self, tenant_id: str) -> UsageLedger:
        found = self._table.get(_usage_key(tenant_id))
        return _ledger(tenant_id, found)

    def repair(
        self,
        counter: str,
        seen: Counted,
        rows: int,
        ledgers: tuple[UsageLedger, UsageLedger],
        event: Event,
    ) -> None:
        before, after = ledgers
        where = _usage_key(after.tenant_id)
        told: Create | Change = (
            Change(where, before.entity_version, _ledger_item(after), (event,))
            if before.entity_version
            else Create(where, _ledger_item(after), (event,))
        )
        as_seen = {counter: seen.value, moves_of(counter): seen.moves}
        repaired = Assign(organization_key(after.tenant_id), {counter: rows}, as_seen)
        try:
            self._table.transact((repaired, told))
        except ConditionFailedError as failure:
            raise ConflictError("The counter has moved since.") from failure


class DynamoDBSeats:
    """Members who hold a seat, and pending invitations, which hold one too."""

    counter = "used_users"
    settles = timedelta()

    def __init__(self, table: Table) -> None:
        self._table = table

    def rows(self, tenant_id: str) -> int:
        members = self._statuses(tenant_id, "MEMBER#")
        invitations = self._statuses(tenant_id, "INVITATION#")
        return sum(s in _SEATED for s in members) + sum(s == _PENDING for s in invitations)

    def _statuses(self, tenant_id: str, prefix: str) -> list[str]:
        statuses: list[str] = []
        start: Key | None = None
        while True:
            page = self._table.query(
                organization_pk(tenant_id), prefix=prefix, limit=_PAGE, start=start
            )
            statuses += [str(item.get("status")) for item in page.items]
            if (start := page.next_key) is None:
                return statuses


def _written(table: Table, where: Key, version: int, item: Item, events: tuple[Event, ...]) -> None:
    """Store the version of an item whose first one is 1; ConflictError when it stands there."""
    write: Create | Change = (
        Change(where, version - 1, item, events) if version > 1 else Create(where, item, events)
    )
    try:
        table.write(write)
    except ConditionFailedError as failure:
        raise ConflictError("Another run was there first.") from failure


def _progress_key(name: str) -> Key:
    return key(f"SWEEP#{part(name)}", "PROGRESS")


def _usage_key(tenant_id: str) -> Key:
    return key(organization_pk(tenant_id), "USAGE")


def _ledger_item(ledger: UsageLedger) -> Item:
    return {
        "entity_type": "Usage",
        "entity_id": ledger.tenant_id,
        **ledger.model_dump(mode="json", exclude={"entity_version"}),
    }


def _ledger(tenant_id: str, found: Item | None) -> UsageLedger:
    return _valid(UsageLedger, found) if found else UsageLedger(tenant_id=tenant_id)


def _both(
    tenant_id: str, organization: Item, told: Item | None
) -> tuple[Organization, UsageLedger] | None:
    try:
        return _valid(Organization, organization), _ledger(tenant_id, told)
    except CorruptDataError:
        return None


def _valid[T: (Organization, UsageLedger, Progress)](model: type[T], item: Item) -> T:
    try:
        return model.model_validate(item)
    except ValidationError as error:
        raise CorruptDataError(f"a stored {model.__name__} breaks its schema") from error
