"""Adapter: licences in the platform table.

ORG#<id>   LICENSE#<license id>   the licence
                                  GSI2: LICENSES_DUE#<shard> / <instant>#<id>#<license id>
ORG#<id>   LICENSED#<service id>  the days that its licences hold

The index holds a licence as long as something is to be told of it, at the time it is due.
"""

from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from tenantry.errors import ConflictError, CorruptDataError
from tenantry.licenses.model import License, ServiceLedger
from tenantry.licenses.repository import shard_of
from tenantry.messaging.event import Event
from tenantry.persistence.items import Item
from tenantry.persistence.keys import Key, key, organization_key, organization_pk, part
from tenantry.persistence.table import ConditionFailedError, Table
from tenantry.persistence.writes import Change, Create, Write

_PREFIX = "LICENSE#"
_DUE = ("GSI2PK", "GSI2SK")


class DynamoDBLicenseRepository:
    def __init__(self, table: Table) -> None:
        self._table = table

    def ledger(self, tenant_id: str, service_id: str) -> ServiceLedger | None:
        organization, found = self._table.get_all(
            [organization_key(tenant_id), _ledger_key(tenant_id, service_id)]
        )
        if organization is None:
            return None
        if found is None:
            return ServiceLedger(tenant_id=tenant_id, service_id=service_id)
        return _valid(ServiceLedger, found)

    def get(self, tenant_id: str, license_id: str) -> License | None:
        found = self._table.get(_license_key(tenant_id, license_id))
        return _license(found) if found else None

    def create(
        self, license_: License, before: ServiceLedger, after: ServiceLedger, event: Event
    ) -> None:
        where = _license_key(license_.tenant_id, license_.license_id)
        self._both(Create(where, _license_item(license_), (event,)), before, after)

    def change(
        self,
        before: License,
        after: License,
        ledger: tuple[ServiceLedger, ServiceLedger],
        event: Event,
    ) -> None:
        self._both(_license_change(before, after, event), *ledger)

    def notice(self, before: License, after: License, event: Event) -> None:
        try:
            self._table.write(_license_change(before, after, event))
        except ConditionFailedError as failure:
            raise _moved_on() from failure

    def page(
        self, tenant_id: str, limit: int, after: str | None
    ) -> tuple[list[License], str | None]:
        page = self._table.query(
            organization_pk(tenant_id),
            prefix=_PREFIX,
            limit=limit,
            start=_license_key(tenant_id, after) if after else None,
        )
        found = [_license(item) for item in page.items]
        return found, found[-1].license_id if found and page.next_key else None

    def due(
        self, shard: int, now: datetime, limit: int, after: str | None
    ) -> tuple[list[tuple[str, str]], str | None]:
        page = self._table.query(
            f"LICENSES_DUE#{shard}",
            index="GSI2",
            between=("0", f"{_instant(now)}~"),
            limit=limit,
            start=_due_position(shard, after) if after else None,
        )
        found = [(str(item["tenant_id"]), str(item["entity_id"])) for item in page.items]
        last = str(page.items[-1]["GSI2SK"]) if page.items and page.next_key else None
        return found, last

    def _both(self, license_: Create | Change, before: ServiceLedger, after: ServiceLedger) -> None:
        where = _ledger_key(after.tenant_id, after.service_id)
        item = _ledger_item(after)
        ledger: Write = (
            Change(where, before.entity_version, item, ())
            if before.entity_version
            else Create(where, item)
        )
        try:
            self._table.transact((license_, ledger))
        except ConditionFailedError as failure:
            raise _moved_on() from failure


def _moved_on() -> ConflictError:
    return ConflictError("The licences of this service have changed since; try again.")


def _license_key(tenant_id: str, license_id: str) -> Key:
    return key(organization_pk(tenant_id), f"{_PREFIX}{part(license_id)}")


def _ledger_key(tenant_id: str, service_id: str) -> Key:
    return key(organization_pk(tenant_id), f"LICENSED#{part(service_id)}")


def _due_position(shard: int, position: str) -> Key:
    _, tenant_id, license_id = position.split("#")
    index = {"GSI2PK": f"LICENSES_DUE#{shard}", "GSI2SK": position}
    return {**_license_key(tenant_id, license_id), **index}


def _instant(at: datetime) -> str:
    """In UTC to the second: texts in the order of time."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _license_change(before: License, after: License, event: Event) -> Change:
    old, new = _license_item(before), _license_item(after)
    differing = {n: new.get(n) for n in old.keys() | new.keys() if old.get(n) != new.get(n)}
    where = _license_key(before.tenant_id, before.license_id)
    return Change(where, before.entity_version, differing, (event,))


def _license_item(license_: License) -> Item:
    item: dict[str, Any] = license_.model_dump(
        mode="json", exclude_none=True, exclude={"entity_version"}
    )
    item |= {"entity_type": "License", "entity_id": license_.license_id}
    if notice := license_.next_notice:
        at = f"{_instant(notice.at)}#{license_.tenant_id}#{license_.license_id}"
        item |= dict(zip(_DUE, (f"LICENSES_DUE#{shard_of(license_.license_id)}", at), strict=True))
    return item


def _license(item: Item) -> License:
    return _valid(License, item)


def _ledger_item(ledger: ServiceLedger) -> Item:
    return {
        "entity_type": "ServiceLedger",
        "entity_id": ledger.service_id,
        **ledger.model_dump(mode="json", exclude={"entity_version"}),
    }


def _valid[T: (License, ServiceLedger)](model: type[T], item: Item) -> T:
    try:
        return model.model_validate(item)
    except ValidationError as error:
        raise CorruptDataError(f"a stored {model.__name__} breaks its schema") from error
