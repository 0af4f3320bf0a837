"""Tenants' objects, for a context that keeps files: under each tenant's own credentials, wherever
the tenant's data lies.

A function that uses it has in its environment `TENANT_TABLE`, `TENANT_RAW_BUCKET`,
`TENANT_PROCESSED_BUCKET`, `TENANT_DATA_ROLE_ARN`, `PLATFORM_ACCOUNT_ID` and `PREFIX`; its role may
assume TenantDataRole, has the tag `tenant-data`, and may do nothing else to tenants' data.
"""

from functools import cache
from typing import TYPE_CHECKING, Any

import boto3

from tenantry.bootstrap import CONFIG, settings
from tenantry.runtime.identifiers import now
from tenantry.tenancy.bootstrap import doorway
from tenantry.tenancy.router import Routed, TenantRouter
from tenantry.tenancy.s3 import S3TenantMeter, S3TenantStorage
from tenantry.tenancy.sessions import DataScope, SessionKeys, TenantSessions

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client


def tenant_storage(standing: Routed, *, writes: bool) -> S3TenantStorage:
    """The objects of the organisation that `standing` is of, which every request has read.

    OrganizationMovingError while they may not be read, or written; UnknownRouteError for a route
    that leads nowhere here.
    """
    router = _router()
    place = router.find(standing, writes=writes)

    def connect(_place: object) -> "S3Client":
        client: S3Client = router.session(place, writes=writes)
        return client

    return S3TenantStorage(connect, place)


def tenant_meter(standing: Routed) -> S3TenantMeter:
    """Counts the objects of an organisation; OrganizationMovingError and UnknownRouteError as
    above."""
    router = _router()
    place = router.find(standing, writes=False)
    return S3TenantMeter(lambda: router.lister(place), place)


@cache
def _router() -> TenantRouter:
    account, prefix = settings().required("PLATFORM_ACCOUNT_ID"), settings().required("PREFIX")
    sts = boto3.client("sts", config=CONFIG)
    partition, region = sts.meta.partition, sts.meta.region_name

    def arn(kind: str, name: str) -> str:
        if kind == "bucket":
            return f"arn:{partition}:s3:::{name}"
        return f"arn:{partition}:dynamodb:{region}:{account}:table/{name}"

    role = settings().required("TENANT_DATA_ROLE_ARN")
    return TenantRouter(
        table=settings().required("TENANT_TABLE"),
        raw=settings().required("TENANT_RAW_BUCKET"),
        processed=settings().required("TENANT_PROCESSED_BUCKET"),
        region=region,
        own=f"{prefix}-account-",
        arn=arn,
        sessions=TenantSessions(sts, role, DataScope(()), now, _connect, doorway),
        deployment=prefix,
    )


def _connect(credentials: SessionKeys) -> "S3Client":
    own: dict[str, Any] = {"config": CONFIG, **credentials}
    client: S3Client = boto3.client("s3", **own)
    return client
