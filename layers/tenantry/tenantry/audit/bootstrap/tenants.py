"""Clients under a tenant's own credentials, of the tables and the bucket that exports need.

Jobs lie with the tenant's data, and move with it. The log and what is written of it do not: they
are the platform's, wherever the tenant's data is.
"""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from tenantry.audit.dynamodb import DynamoDBActivityRepository
from tenantry.audit.dynamodb_exports import DynamoDBJobRepository
from tenantry.audit.s3 import S3Results
from tenantry.bootstrap import CONFIG, settings
from tenantry.persistence.table import Table
from tenantry.runtime.identifiers import now
from tenantry.runtime.observability import MetricUnit, left_aside, logger, metrics
from tenantry.tenancy.bootstrap import doorway
from tenantry.tenancy.router import PUBLIC, Routed, TenantRouter, Whereabouts, table_arn
from tenantry.tenancy.sessions import DataScope, TenantSessions
from tenantry.tenancy.tenant_table import TenantTable

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient
    from types_boto3_s3.client import S3Client

S3_SETTINGS: dict[str, Any] = {
    "read_timeout": 20,
    "signature_version": "s3v4",
    "request_checksum_calculation": "when_required",
    "response_checksum_validation": "when_required",
}
"""A part has 8 MiB. Without checksums of the SDK's, parts are put together by their tags alone."""


@dataclass(frozen=True)
class TenantClients:
    dynamodb: "DynamoDBClient"
    s3: "S3Client"


@dataclass(frozen=True)
class TenantStores:
    """What one process reads and writes of tenants, each under the tenant's own credentials."""

    sessions: TenantSessions
    router: TenantRouter

    @property
    def entries(self) -> DynamoDBActivityRepository:
        name = settings().required("AUDIT_TABLE")
        return DynamoDBActivityRepository(
            lambda tenant: Table(self._of(tenant).dynamodb, name), left_aside
        )

    def jobs(self, placed: Routed, *, writes: bool) -> DynamoDBJobRepository:
        """Those where the organisation's data is now; OrganizationMovingError as the router's."""
        place = self.router.find(placed, writes=writes)
        return DynamoDBJobRepository(lambda _tenant: self._table(place), _report_drift)

    @property
    def results(self) -> S3Results:
        bucket = settings().required("EXPORTS_BUCKET")
        return S3Results(lambda tenant: self._of(tenant).s3, bucket)

    def _table(self, place: Whereabouts) -> TenantTable:
        if place.kind == PUBLIC:
            clients = self._of(place.tenant_id)
        else:
            table, way = self.router.arn("table", place.table), place.abroad
            if way:
                table = table_arn(way, place.region, place.table)
            scope = DataScope((table,), writes=True)
            clients = self.sessions.client(place.tenant_id, scope, way)
        return TenantTable(Table(clients.dynamodb, place.table), place)

    def _of(self, tenant_id: str) -> TenantClients:
        clients: TenantClients = self.sessions.client(tenant_id)
        return clients


@cache
def tenant_stores(*, writes_results: bool) -> TenantStores:
    """The log to read, jobs to write, and results to read, or to write too."""
    account = settings().required("PLATFORM_ACCOUNT_ID")
    sts = boto3.client("sts", config=CONFIG)
    tables = f"arn:{sts.meta.partition}:dynamodb:{sts.meta.region_name}:{account}:table"
    bucket = settings().required("EXPORTS_BUCKET")
    scope = DataScope(
        (f"{tables}/{settings().required('TENANT_TABLE')}",),
        writes=True,
        read_only_table_arns=(f"{tables}/{settings().required('AUDIT_TABLE')}",),
        bucket_arns=(f"arn:{sts.meta.partition}:s3:::{bucket}",),
        writes_objects=writes_results,
    )
    role = settings().required("TENANT_DATA_ROLE_ARN")
    prefix = settings().required("PREFIX")
    router = TenantRouter(
        *(settings().required("TENANT_TABLE"), "", ""),  # jobs have no objects in its buckets
        region=sts.meta.region_name,
        own=f"{prefix}-account-",
        arn=lambda _kind, name: f"{tables}/{name}",
        deployment=prefix,
    )
    return TenantStores(TenantSessions(sts, role, scope, now, _connect, doorway), router)


def _report_drift(tenant_id: str) -> None:
    logger.error("a counter of open exports was not theirs; it is repaired", tenant_id=tenant_id)
    metrics.add_metric("CounterDrifts", MetricUnit.Count, 1)


def _connect(credentials: dict[str, str]) -> TenantClients:
    key, secret = credentials["aws_access_key_id"], credentials["aws_secret_access_key"]
    token = credentials["aws_session_token"]
    return TenantClients(
        dynamodb=boto3.client(
            "dynamodb",
            config=CONFIG,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            aws_session_token=token,
        ),
        s3=boto3.client(
            "s3",
            config=CONFIG.merge(Config(**S3_SETTINGS)),
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            aws_session_token=token,
        ),
    )
