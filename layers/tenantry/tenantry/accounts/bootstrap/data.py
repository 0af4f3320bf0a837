"""Steps that work on a tenant's data, with credentials that reach that tenant's place only."""

from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache, partial
from typing import Any, Final

import boto3

from tenantry.accounts.bootstrap.steps import provisioning_with
from tenantry.accounts.provisioning import Provisioning
from tenantry.accounts.repository import Place
from tenantry.accounts.tenant_copies import DynamoDBTenantCopies
from tenantry.accounts.tenant_data import TenantDataInPlace
from tenantry.audit.dynamodb import DynamoDBActivityRepository
from tenantry.audit.model import Span
from tenantry.bootstrap import CONFIG, settings
from tenantry.messaging.event import Event
from tenantry.persistence.table import Table
from tenantry.runtime.identifiers import now
from tenantry.tenancy.bootstrap import doorway
from tenantry.tenancy.holdings import Store, partitions
from tenantry.tenancy.router import table_arn
from tenantry.tenancy.sessions import DataScope, TenantSessions

_EVER: Final = Span("0", "9999")
"""The probe's id is its own; when it was written first, a later attempt knows to the millisecond
only."""


@dataclass(frozen=True)
class _Clients:
    """One tenant's session, as clients."""

    dynamodb: Any
    s3: Any
    sts: Any

    def table(self, name: str) -> Table:
        return Table(self.dynamodb, name)


@cache
def working() -> Provisioning:
    settle = timedelta(seconds=settings().number("MOVE_SETTLE_SECONDS", 0))
    return provisioning_with(data=data(), copies=copies(), settle=settle)


@cache
def data() -> TenantDataInPlace:
    return TenantDataInPlace(clients, _arrived)


@cache
def copies() -> DynamoDBTenantCopies:
    return DynamoDBTenantCopies(
        copiers,
        partial(partitions, Store.TENANT),
        shared=settings().required("TENANT_TABLE"),
    )


@cache
def sessions() -> TenantSessions:
    sts = boto3.client("sts", config=CONFIG)
    return TenantSessions(
        sts=sts,
        role_arn=settings().required("TENANT_DATA_ROLE_ARN"),
        scope=DataScope(()),
        now=now,
        connect=_connect,
        doorway=doorway,
    )


def clients(place: Place) -> _Clients:
    """Those of the tenant's own session for its place."""
    audit = "" if place.abroad else settings().text("AUDIT_TABLE")
    heard = (_here(audit),) if audit else ()
    scope = replace(scope_of(place), read_only_table_arns=heard)
    found: _Clients = sessions().client(place.tenant_id, scope, place.abroad)
    return found


def searchers(place: Place) -> _Clients:
    """The same for who looks for all that there is, and takes it away."""
    scope = replace(scope_of(place), lists_versions=True)
    found: _Clients = sessions().client(place.tenant_id, scope, place.abroad)
    return found


def copiers(place: Place) -> _Clients:
    """The same for who copies all of it: lists too, and has no business in the audit log.

    Both in one would be longer than AWS takes a session's policy.
    """
    scope = replace(scope_of(place), lists_objects=True, lists_versions=True)
    found: _Clients = sessions().client(place.tenant_id, scope, place.abroad)
    return found


def comparers(place: Place) -> _Clients:
    """The same for who holds all of it against something, and changes nothing."""
    whole = scope_of(place)
    scope = DataScope(
        whole.table_arns, bucket_arns=whole.bucket_arns, reads_objects=False, lists_objects=True
    )
    found: _Clients = sessions().client(place.tenant_id, scope, place.abroad)
    return found


def scope_of(place: Place) -> DataScope:
    partition = sessions().sts.meta.partition
    abroad = place.abroad
    table = table_arn(abroad, place.region, place.table) if abroad else _here(place.table)
    return DataScope(
        table_arns=(table,) if place.table else (),
        writes=True,
        bucket_arns=tuple(f"arn:{partition}:s3:::{name}" for name in (place.raw, place.processed)),
        writes_objects=True,
        keeps_objects=True,
    )


def _here(table: str) -> str:
    """The ARN of a table of the platform's own account."""
    meta = sessions().sts.meta
    account = settings().required("PLATFORM_ACCOUNT_ID")
    return f"arn:{meta.partition}:dynamodb:{meta.region_name}:{account}:table/{table}"


def _arrived(place: Place, event: Event) -> bool:
    """Whether the audit log, read as the tenant, has the event."""
    table = settings().required("AUDIT_TABLE")
    log = DynamoDBActivityRepository(lambda _tenant_id: _reader(place, table).table(table))
    found = log.narrowed(place.tenant_id, "entity_id", event.id, _EVER, 1)
    return bool(found)


def _reader(place: Place, audit: str) -> _Clients:
    """The audit log is the platform's, wherever the tenant's data lies."""
    if place.abroad is None:
        return clients(place)
    found: _Clients = sessions().client(place.tenant_id, DataScope((_here(audit),)))
    return found


def _connect(credentials: dict[str, str]) -> _Clients:
    own: dict[str, Any] = {
        "config": CONFIG,
        "aws_access_key_id": credentials["aws_access_key_id"],
        "aws_secret_access_key": credentials["aws_secret_access_key"],
        "aws_session_token": credentials["aws_session_token"],
    }
    return _Clients(
        dynamodb=boto3.client("dynamodb", **own),
        s3=boto3.client("s3", **own),
        sts=boto3.client("sts", **own),
    )
