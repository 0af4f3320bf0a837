"""Giving entries that are past their retention an end."""

from functools import cache

from tenantry.audit.bootstrap.seals import seals
from tenantry.audit.dynamodb_retention import DynamoDBPlans, DynamoDBRetentionLog
from tenantry.audit.dynamodb_seals import DynamoDBSealedOrganizations
from tenantry.audit.retention import RetentionSweep
from tenantry.bootstrap import dynamodb, platform_table, settings
from tenantry.persistence.table import Table
from tenantry.runtime.identifiers import now
from tenantry.runtime.observability import left_aside


@cache
def retention_sweep() -> RetentionSweep:
    table = Table(dynamodb(), settings().required("AUDIT_TABLE"))
    return RetentionSweep(
        organizations=DynamoDBSealedOrganizations(table),
        seals=seals(),
        plans=DynamoDBPlans(platform_table()),
        log=DynamoDBRetentionLog(table, platform_table()),
        now=now,
        report=left_aside,
    )
