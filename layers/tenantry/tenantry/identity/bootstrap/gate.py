"""The gate: one read, so one adapter."""

from functools import cache

from tenantry.identity.bootstrap.triggers import platform_table
from tenantry.identity.dynamodb import DynamoDBProfileRepository
from tenantry.identity.service import Gate


@cache
def gate() -> Gate:
    return Gate(DynamoDBProfileRepository(platform_table()))
