"""Adapter: a tenant's data in its own place, under a session that reaches nothing else.

ORG#<id>   DEFAULTS          what every tenant begins with
ORG#<id>   FENCE             of a table of one's own (tenancy/tenant_table.py)
ORG#<id>   PROBE#<event>     that the place can be written and read, and tells of its changes
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from tenantry.accounts.model import Account, CloudType
from tenantry.accounts.repository import Place
from tenantry.errors import ProbeFailedError
from tenantry.messaging.event import Event
from tenantry.persistence.keys import Key, key, organization_pk, part
from tenantry.persistence.table import ConditionFailedError, Table
from tenantry.persistence.writes import Create
from tenantry.runtime.services import calling
from tenantry.tenancy.router import Whereabouts
from tenantry.tenancy.sessions import Abroad, TenantSessions
from tenantry.tenancy.tenant_table import TenantTable

SCHEMA_VERSION: Final = 1
_PROBE_KEPT: Final = timedelta(days=1)
_called: Final = calling("The tenant's bucket")


class Clients(Protocol):
    """The tenant's session, as clients."""

    def table(self, name: str) -> Table: ...

    @property
    def s3(self) -> Any: ...

    @property
    def sts(self) -> Any: ...


class TenantDataInPlace:
    """`session` makes the tenant's clients for its place; `arrived` looks into the audit log."""

    def __init__(
        self, session: Callable[[Place], Clients], arrived: Callable[[Place, Event], bool]
    ) -> None:
        self._session = session
        self._arrived = arrived

    def identity(self, place: Place) -> str:
        return str(_called(self._session(place).sts.get_caller_identity)["Arn"])

    def seed(self, place: Place, account: Account, now: datetime, epoch: int) -> None:
        table = self._session(place).table(place.table)
        if account.cloud_type is not CloudType.PUBLIC:
            TenantTable(table, _whereabouts(place, account, epoch)).raise_fence(epoch)
        table.add(
            {
                **_defaults_key(place),
                "entity_type": "TenantDefaults",
                "entity_id": place.tenant_id,
                "tenant_id": place.tenant_id,
                "schema_version": SCHEMA_VERSION,
                "licenses": account.licenses,
                "created_at": now.isoformat(),
            }
        )

    def unseed(self, place: Place) -> None:
        self._delete(place, _defaults_key(place))

    def probe(self, place: Place, account: Account, event: Event) -> None:
        clients = self._session(place)
        table = clients.table(place.table)
        where = _probe_key(place, event)
        attributes = {
            "entity_type": "AccountProbe",
            "entity_id": event.id,
            "tenant_id": place.tenant_id,
            "account_id": account.account_id,
            "purge_at": int((event.occurred_at + _PROBE_KEPT).timestamp()),
        }
        with suppress(ConditionFailedError):  # an earlier attempt has written it
            table.write(Create(where, attributes, (event,)))
        found = table.get(where)
        if found is None or found.get("account_id") != account.account_id:
            raise ProbeFailedError("What was written to the table did not come back.")
        self._probe_objects(clients.s3, place, event)

    def has_arrived(self, place: Place, event: Event) -> bool:
        return self._arrived(place, event)

    def unprobe(self, place: Place, account: Account) -> None:
        table = self._session(place).table(place.table)
        page = table.query(organization_pk(place.tenant_id), prefix="PROBE#", limit=100)
        for item in page.items:
            if item.get("account_id") == account.account_id:
                self._delete(place, key(item["PK"], item["SK"]))

    def _probe_objects(self, s3: Any, place: Place, event: Event) -> None:
        content = event.id.encode()
        for bucket in (place.raw, place.processed):
            where = {"Bucket": bucket, "Key": f"{part(place.tenant_id)}/probe/{event.id}"}
            tags = f"tenant-id={place.tenant_id}&purpose=probe"
            _called(s3.put_object, **where, Body=content, Tagging=tags)
            got = _called(s3.get_object, **where)
            if got["Body"].read() != content:
                raise ProbeFailedError("What was put into the bucket did not come back.")
            version = {"VersionId": got["VersionId"]} if got.get("VersionId") else {}
            _called(s3.delete_object, **where, **version)

    def _delete(self, place: Place, where: Key) -> None:
        self._session(place).table(place.table).delete(where)


class TenantEntrance:
    """The doors of organisations' own AWS accounts, tried as the platform's role."""

    def __init__(self, sessions: TenantSessions) -> None:
        self._sessions = sessions

    def opens(self, place: Place, external_id: str | None) -> bool:
        return self._sessions.opens(place.tenant_id, _way(place), external_id)

    def opens_rightly(self, place: Place) -> bool:
        return self._sessions.enters(place.tenant_id, _way(place))


def _way(place: Place) -> Abroad:
    if place.abroad is None:
        raise LookupError("the place is in no AWS account of the organisation's own")
    return place.abroad


def _whereabouts(place: Place, account: Account, epoch: int) -> Whereabouts:
    return Whereabouts(
        tenant_id=place.tenant_id,
        kind=account.cloud_type.value,
        table=place.table,
        raw=place.raw,
        processed=place.processed,
        region=account.region,
        epoch=epoch,
        abroad=place.abroad,
    )


def _defaults_key(place: Place) -> Key:
    return key(organization_pk(place.tenant_id), "DEFAULTS")


def _probe_key(place: Place, event: Event) -> Key:
    return key(organization_pk(place.tenant_id), f"PROBE#{part(event.id)}")
