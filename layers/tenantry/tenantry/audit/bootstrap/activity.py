"""Reading an organisation's activity, with credentials that reach that organisation only."""

from functools import cache
from typing import TYPE_CHECKING

import boto3

from tenantry.audit.dynamodb import DynamoDBActivityRepository, DynamoDBPeopleNames
from tenantry.audit.service import ActivityService, AuditLogService
from tenantry.bootstrap import CONFIG, SINGLE_ATTEMPT, platform_table, settings
from tenantry.organizations.bootstrap import access
from tenantry.persistence.table import Table
from tenantry.runtime.identifiers import now
from tenantry.runtime.observability import left_aside, metrics
from tenantry.tenancy.sessions import DataScope, TenantSessions

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient


@cache
def sessions() -> TenantSessions:
    """Clients that read one organisation's part of the audit table."""
    name = settings().required("AUDIT_TABLE")
    account = settings().required("PLATFORM_ACCOUNT_ID")
    sts = boto3.client("sts", config=CONFIG)
    region = sts.meta.region_name
    return TenantSessions(
        sts=sts,
        role_arn=settings().required("TENANT_DATA_ROLE_ARN"),
        scope=DataScope((f"arn:{sts.meta.partition}:dynamodb:{region}:{account}:table/{name}",)),
        now=now,
        connect=_connect,
    )


@cache
def entries() -> DynamoDBActivityRepository:
    name = settings().required("AUDIT_TABLE")
    return DynamoDBActivityRepository(
        lambda tenant_id: Table(sessions().client(tenant_id), name), _damaged
    )


@cache
def activity_service() -> ActivityService:
    return ActivityService(
        access=access(), entries=entries(), names=DynamoDBPeopleNames(platform_table()), now=now
    )


@cache
def audit_log_service() -> AuditLogService:
    return AuditLogService(
        access=access(), entries=entries(), names=DynamoDBPeopleNames(platform_table()), now=now
    )


def _damaged(what: str, tenant_id: str) -> None:
    """Told at once: a field has no metrics of its own that would be sent at its end."""
    left_aside(what, tenant_id)
    metrics.flush_metrics()


def _connect(credentials: dict[str, str]) -> "DynamoDBClient":
    return boto3.client(
        "dynamodb",
        config=SINGLE_ATTEMPT,
        aws_access_key_id=credentials["aws_access_key_id"],
        aws_secret_access_key=credentials["aws_secret_access_key"],
        aws_session_token=credentials["aws_session_token"],
    )
