"""How far organisations are sealed, for whoever would forget entries."""

from tenantry.audit.dynamodb_seals import DynamoDBSeals
from tenantry.bootstrap import dynamodb, settings
from tenantry.persistence.table import Table


def seals() -> DynamoDBSeals:
    return DynamoDBSeals(Table(dynamodb(), settings().required("AUDIT_TABLE")))
