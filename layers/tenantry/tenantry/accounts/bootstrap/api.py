"""The doors: asking for accounts, and looking at them."""

from functools import cache

from tenantry.accounts.bootstrap.ledger import accounts
from tenantry.accounts.service import AccountService
from tenantry.bootstrap import platform_table, settings, stamp
from tenantry.organizations.bootstrap import access
from tenantry.organizations.dynamodb import DynamoDBOrganizationRepository
from tenantry.organizations.hosting import OrganizationHosting
from tenantry.tenancy.caller import Caller


@cache
def account_service() -> AccountService:
    return AccountService(
        accounts=accounts(),
        access=access(),
        hosting=OrganizationHosting(DynamoDBOrganizationRepository(platform_table())),
        operators=_Operators(),
        stamp=stamp(),
        region=settings().required("AWS_REGION"),
        prefix=settings().required("PREFIX"),
    )


class _Operators:
    """The identity context's operators; what operators do is rare, so it is imported then."""

    def require_active(self, caller: Caller) -> None:
        from tenantry.identity.bootstrap.operators import operator_standing

        operator_standing().require_active(caller)
