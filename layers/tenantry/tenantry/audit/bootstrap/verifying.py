"""Verifying an organisation's log, with credentials that reach that organisation only."""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import boto3

from tenantry.audit.bootstrap.seals import trusted_keys
from tenantry.audit.dynamodb_retention import DynamoDBRetentionLog
from tenantry.audit.dynamodb_seals import DynamoDBChains
from tenantry.audit.kms import KmsSealKeys, KmsSignatures
from tenantry.audit.s3_seals import S3SealStore
from tenantry.audit.verification import VerificationService
from tenantry.bootstrap import CONFIG, settings
from tenantry.organizations.bootstrap import access
from tenantry.persistence.table import Table
from tenantry.runtime.identifiers import now
from tenantry.tenancy.sessions import DataScope, TenantSessions

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient
    from types_boto3_kms.client import KMSClient
    from types_boto3_s3.client import S3Client


@dataclass(frozen=True)
class TenantClients:
    """What reaches one organisation's log, seals and key."""

    dynamodb: "DynamoDBClient"
    s3: "S3Client"
    kms: "KMSClient"


@cache
def sessions() -> TenantSessions:
    account = settings().required("PLATFORM_ACCOUNT_ID")
    sts = boto3.client("sts", config=CONFIG)
    arn = f"arn:{sts.meta.partition}"
    table = settings().required("AUDIT_TABLE")
    return TenantSessions(
        sts=sts,
        role_arn=settings().required("TENANT_DATA_ROLE_ARN"),
        scope=DataScope(
            (f"{arn}:dynamodb:{sts.meta.region_name}:{account}:table/{table}",),
            bucket_arns=(f"{arn}:s3:::{settings().required('SEALS_BUCKET')}",),
            lists_objects=True,
            wrapping_key_arns=(settings().required("SEAL_WRAPPING_KEY_ARN"),),
        ),
        now=now,
        connect=_connect,
    )


@cache
def verification_service() -> VerificationService:
    wrapping_key = settings().required("SEAL_WRAPPING_KEY_ARN")
    return VerificationService(
        access=access(),
        chains=lambda tenant_id: DynamoDBChains(_table(tenant_id)),
        store=lambda tenant_id: S3SealStore(
            sessions().client(tenant_id).s3, settings().required("SEALS_BUCKET")
        ),
        keys=lambda tenant_id: KmsSealKeys(
            sessions().client(tenant_id).kms, _table(tenant_id), wrapping_key
        ),
        signatures=KmsSignatures(boto3.client("kms", config=CONFIG), trusted_keys()),
        forgotten_through=_forgotten_through,
        now=now,
    )


def _forgotten_through(tenant_id: str) -> str | None:
    table = _table(tenant_id)
    return DynamoDBRetentionLog(table, table).marks(tenant_id).gone_through(now())


def _table(tenant_id: str) -> Table:
    return Table(sessions().client(tenant_id).dynamodb, settings().required("AUDIT_TABLE"))


def _connect(credentials: dict[str, str]) -> TenantClients:
    session = boto3.session.Session(
        aws_access_key_id=credentials["aws_access_key_id"],
        aws_secret_access_key=credentials["aws_secret_access_key"],
        aws_session_token=credentials["aws_session_token"],
    )
    return TenantClients(
        dynamodb=session.client("dynamodb", config=CONFIG),
        s3=session.client("s3", config=CONFIG),
        kms=session.client("kms", config=CONFIG),
    )
