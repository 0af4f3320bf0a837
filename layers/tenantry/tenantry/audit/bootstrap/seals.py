"""How far organisations are sealed, for whoever would forget entries; whose seals are trusted."""

from tenantry.audit.dynamodb_seals import DynamoDBSeals
from tenantry.bootstrap import dynamodb, settings
from tenantry.persistence.table import Table


def trusted_keys() -> tuple[str, ...]:
    """The key that signs seals, and those that did before."""
    signing = settings().required("SEAL_SIGNING_KEY_ARN")
    return signing, *settings().texts("RETIRED_SEAL_KEY_ARNS")


def seals() -> DynamoDBSeals:
    return DynamoDBSeals(Table(dynamodb(), settings().required("AUDIT_TABLE")))
