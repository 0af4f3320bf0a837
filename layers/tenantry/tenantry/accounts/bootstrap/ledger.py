"""What every function of the context uses: the ledger on the platform table."""

from functools import cache

from tenantry.accounts.dynamodb import DynamoDBAccountRepository
from tenantry.accounts.model import MOST_AT_ONCE
from tenantry.bootstrap import platform_table, settings
from tenantry.runtime.observability import left_aside


@cache
def accounts() -> DynamoDBAccountRepository:
    """With the places that the deployment gives; who takes none is told of none."""
    places = settings().number("PROVISIONING_PLACES", MOST_AT_ONCE)
    return DynamoDBAccountRepository(platform_table(), places, left_aside)
