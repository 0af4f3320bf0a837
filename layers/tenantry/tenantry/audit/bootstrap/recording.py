"""Recording what happened to anyone; the recorder reads nothing."""

from functools import cache

from tenantry.audit.dynamodb import DynamoDBAuditLog
from tenantry.audit.service import RecordingService
from tenantry.bootstrap import dynamodb, settings
from tenantry.persistence.table import Table


@cache
def recording_service() -> RecordingService:
    return RecordingService(DynamoDBAuditLog(Table(dynamodb(), settings().required("AUDIT_TABLE"))))
