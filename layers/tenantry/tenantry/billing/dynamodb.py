"""Adapter: subscriptions in the platform table.

ORG#<id>        SUBSCRIPTION   the subscription; while something is to become due,
                               GSI2: SUBSCRIPTIONS_DUE#<shard> / <instant>#<id>
CUSTOMER#<id>   CUSTOMER       whose customer of the provider that is
"""

import zlib
from collections.abc import Sequence
from typing import Final, Protocol

from pydantic import ValidationError

from tenantry.billing.model import SHARDS, Account, Subscription
from tenantry.billing.repository import DuePage
from tenantry.errors import ConflictError, CorruptDataError, NotFoundError
from tenantry.messaging.event import Event
from tenantry.organizations.model import Organization
from tenantry.persistence.items import Item
from tenantry.persistence.keys import Key, key, organization_pk, part
from tenantry.persistence.table import ConditionFailedError, Table
from tenantry.persistence.writes import Assign, Change, Create, Write

_CHANGED: Final = "The subscription has changed since; read it again."


class OrganizationItems(Protocol):
    """Port: the organisation's item, whose shape is the organizations context's."""

    def key(self, tenant_id: str) -> Key: ...

    def read(self, item: Item) -> Organization: ...

    def change(
        self, before: Organization, after: Organization, events: Sequence[Event]
    ) -> Change: ...


class DynamoDBSubscriptionRepository:
    def __init__(self, table: Table, organizations: OrganizationItems) -> None:
        self._table = table
        self._organizations = organizations

    def account(self, tenant_id: str) -> Account:
        organization, subscription = self._table.get_all(
            [self._organizations.key(tenant_id), _key(tenant_id)]
        )
        if organization is None:
            raise NotFoundError("There is no such organisation.")
        return Account(
            _subscription(subscription) if subscription else Subscription(tenant_id=tenant_id),
            self._organizations.read(organization),
        )

    def owner_of(self, customer_id: str) -> str | None:
        item = self._table.get(_customer_key(customer_id))
        return str(item["tenant_id"]) if item else None

    def save(
        self, before: Account, after: Account, told: Sequence[Event], followed: Sequence[Event]
    ) -> None:
        writes: list[Write] = [_written(before.subscription, after.subscription, told)]
        if after.organization is not before.organization:
            organizations = before.organization, after.organization
            writes.append(self._organizations.change(*organizations, followed))
        customer_id = after.subscription.customer_id
        if customer_id and customer_id != before.subscription.customer_id:
            owner = {"tenant_id": after.tenant_id, "entity_type": "BillingCustomer"}
            writes.append(Create(_customer_key(customer_id), owner, replace_if=owner))
        try:
            if len(writes) == 1 and isinstance(writes[0], Create | Change):
                self._table.write(writes[0])
            else:
                self._table.transact(writes)
        except ConditionFailedError as failure:
            raise ConflictError(_CHANGED) from failure

    def looked(self, account: Account) -> None:
        """A count without a new version, which every later write must have seen."""
        subscription = account.subscription
        seen = {"entity_version": subscription.entity_version, "syncs": subscription.syncs or None}
        next_look = subscription.syncs + 1
        try:
            self._table.transact([Assign(_key(account.tenant_id), {"syncs": next_look}, seen)])
        except ConditionFailedError as failure:
            raise ConflictError(_CHANGED) from failure

    def due(self, shard: int, until: str, limit: int, after: str | None) -> DuePage:
        partition = _due_partition(shard)
        page = self._table.query(
            partition,
            index="GSI2",
            between=("0", f"{until}~"),
            limit=limit,
            start=_position(partition, after) if after else None,
        )
        last = page.next_key["GSI2SK"] if page.next_key else None
        return DuePage(tuple(str(item["tenant_id"]) for item in page.items), last)


def _written(before: Subscription, after: Subscription, told: Sequence[Event]) -> Create | Change:
    new = _item(after)
    if before.entity_version == 0:
        return Create(_key(after.tenant_id), new, tuple(told))
    old = _item(before)
    differing = {
        name: new.get(name) for name in old.keys() | new.keys() if old.get(name) != new.get(name)
    }
    return Change(
        _key(after.tenant_id),
        before.entity_version,
        differing,
        tuple(told),
        require={"syncs": before.syncs or None},
    )


def _item(subscription: Subscription) -> Item:
    item = subscription.model_dump(
        mode="json", exclude_none=True, exclude={"entity_version", "syncs"}
    )
    item |= {"entity_type": "Subscription", "entity_id": subscription.tenant_id}
    if due_at := subscription.due_at:
        item["GSI2PK"] = _due_partition(zlib.crc32(subscription.tenant_id.encode()) % SHARDS)
        item["GSI2SK"] = f"{due_at.isoformat()}#{subscription.tenant_id}"
    return {name: value for name, value in item.items() if value is not False}


def _subscription(item: Item) -> Subscription:
    try:
        return Subscription.model_validate(item)
    except ValidationError as error:
        raise CorruptDataError("a stored Subscription breaks its schema") from error


def _key(tenant_id: str) -> Key:
    return key(organization_pk(tenant_id), "SUBSCRIPTION")


def _customer_key(customer_id: str) -> Key:
    return key(f"CUSTOMER#{part(customer_id)}", "CUSTOMER")


def _due_partition(shard: int) -> str:
    return f"SUBSCRIPTIONS_DUE#{shard}"


def _position(partition: str, sk: str) -> Key:
    tenant_id = sk.rpartition("#")[2]
    return {**_key(tenant_id), "GSI2PK": partition, "GSI2SK": sk}
