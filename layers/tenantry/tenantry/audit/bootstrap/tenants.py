"""Clients under a tenant's own credentials, of the tables and the bucket that exports need."""

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
from tenantry.runtime.observability import MetricUnit, logger, metrics
from tenantry.tenancy.sessions import DataScope, TenantSessions

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

    @property
    def entries(self) -> DynamoDBActivityRepository:
        name = settings().required("AUDIT_TABLE")
        return DynamoDBActivityRepository(lambda tenant: Table(self._of(tenant).dynamodb, name))

    @property
    def jobs(self) -> DynamoDBJobRepository:
        name = settings().required("TENANT_TABLE")
        return DynamoDBJobRepository(
            lambda tenant: Table(self._of(tenant).dynamodb, name), _report_drift
        )

    @property
    def results(self) -> S3Results:
        bucket = settings().required("EXPORTS_BUCKET")
        return S3Results(lambda tenant: self._of(tenant).s3, bucket)

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
    return TenantStores(TenantSessions(sts, role, scope, now, _connect))


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
