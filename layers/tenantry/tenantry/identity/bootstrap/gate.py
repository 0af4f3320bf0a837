"""The gate: one read, and for those who are refused a second one and a write."""

from functools import cache

from tenantry.bootstrap import stamp
from tenantry.identity.bootstrap.triggers import platform_table
from tenantry.identity.dynamodb import DynamoDBHomes, DynamoDBProfileRepository
from tenantry.identity.service import Gate


@cache
def gate() -> Gate:
    table = platform_table()
    return Gate(DynamoDBProfileRepository(table), DynamoDBHomes(table), stamp())
