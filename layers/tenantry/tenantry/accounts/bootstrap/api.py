"""The doors: asking for accounts, and looking at them."""

from collections.abc import Mapping
from functools import cache

import boto3

from tenantry.accounts.bootstrap.ledger import accounts
from tenantry.accounts.model import Account
from tenantry.accounts.service import AccountService
from tenantry.accounts.ssm import SsmParameterTree
from tenantry.bootstrap import CONFIG, platform_table, settings, stamp
from tenantry.organizations.bootstrap import access
from tenantry.organizations.dynamodb import DynamoDBOrganizationRepository
from tenantry.organizations.hosting import OrganizationHosting
from tenantry.tenancy.caller import Caller
from tenantry.tenancy.stored import Metered


@cache
def account_service() -> AccountService:
    return AccountService(
        accounts=accounts(),
        access=access(),
        hosting=OrganizationHosting(DynamoDBOrganizationRepository(platform_table())),
        operators=_Operators(),
        stamp=stamp(),
        tree=_Tree(),
        region=settings().required("AWS_REGION"),
        prefix=settings().required("PREFIX"),
        offers_dedicated=settings().text("OFFERS_DEDICATED") == "true",
        dedicated_plans=frozenset(settings().texts("DEDICATED_PLANS")),
        measurements=_Measurements(),
    )


class _Operators:
    """The identity context's operators; what operators do is rare, so it is imported then."""

    def require_active(self, caller: Caller) -> None:
        from tenantry.identity.bootstrap.operators import operator_standing

        operator_standing().require_active(caller)


class _Measurements:
    """Those of the usage context; nobody else here needs them."""

    def page(
        self, tenant_id: str, limit: int, after: str | None
    ) -> tuple[list[Metered], str | None]:
        from tenantry.usage.dynamodb_storage import DynamoDBMetering

        return DynamoDBMetering(platform_table()).page(tenant_id, limit, after)


class _Tree:
    """Given up is rarely anything, so its client is made then."""

    def write(self, account: Account, values: Mapping[str, str]) -> None:
        self._made().write(account, values)

    def remove(self, account: Account) -> None:
        self._made().remove(account)

    @staticmethod
    def _made() -> SsmParameterTree:
        return SsmParameterTree(boto3.client("ssm", config=CONFIG), settings().required("PREFIX"))
