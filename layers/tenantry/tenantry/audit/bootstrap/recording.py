"""Recording what happened to anyone; the recorder reads nothing."""

from functools import cache

from tenantry.audit.dynamodb import DynamoDBAuditLog
from tenantry.audit.dynamodb_seals import DynamoDBSealedOrganizations
from tenantry.audit.service import RecordingService
from tenantry.bootstrap import dynamodb, settings
from tenantry.persistence.table import Table
from tenantry.runtime.identifiers import now


@cache
def recording_service() -> RecordingService:
    table = Table(dynamodb(), settings().required("AUDIT_TABLE"))
    return RecordingService(
        log=DynamoDBAuditLog(table),
        organizations=DynamoDBSealedOrganizations(table),
        now=now,
    )
