"""What every function of the context uses: the ledger on the platform table."""

from functools import cache

from tenantry.accounts.dynamodb import DynamoDBAccountRepository
from tenantry.bootstrap import platform_table, settings


@cache
def accounts() -> DynamoDBAccountRepository:
    return DynamoDBAccountRepository(
        platform_table(), places=int(settings().text("PROVISIONING_PLACES", "10"))
    )
