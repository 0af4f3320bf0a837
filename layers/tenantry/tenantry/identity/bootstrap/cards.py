"""What other contexts show of people: one read, so one adapter."""

from functools import cache

from tenantry.bootstrap import platform_table
from tenantry.identity.dynamodb import DynamoDBProfileRepository
from tenantry.identity.service import Cards


@cache
def cards() -> Cards:
    return Cards(DynamoDBProfileRepository(platform_table()))
