"""The steps of provisioning, each with the ports that it uses."""

from datetime import timedelta
from functools import cache
from typing import Any, cast

from tenantry.accounts.bootstrap.ledger import accounts
from tenantry.accounts.provisioning import Ledger, Provisioning, Shared
from tenantry.bootstrap import dynamodb, platform_table, settings, stamp
from tenantry.organizations.dynamodb import DynamoDBOrganizationRepository
from tenantry.organizations.hosting import OrganizationHosting


def offers_dedicated() -> bool:
    """Whether anybody is configured who makes AWS accounts."""
    return settings().text("OFFERS_DEDICATED") == "true"


@cache
def provisioning() -> Provisioning:
    """For steps that work on the ledger and the organisation alone."""
    return provisioning_with()


def provisioning_with(**ports: Any) -> Provisioning:
    """With `stacks`, `tree`, `data`, `own` or `guards` for the steps that need them."""
    nothing: dict[str, Any] = {"stacks": None, "tree": None, "data": None}
    return Provisioning(
        ledger=Ledger(accounts(), stamp()),
        stamp=stamp(),
        prefix=settings().required("PREFIX"),
        shared=Shared(
            table=settings().text("TENANT_TABLE"),
            raw=settings().text("TENANT_RAW_BUCKET"),
            processed=settings().text("TENANT_PROCESSED_BUCKET"),
            partition=dynamodb().meta.partition,
        ),
        hosting=OrganizationHosting(DynamoDBOrganizationRepository(platform_table())),
        offers_dedicated=offers_dedicated(),
        kept=timedelta(seconds=settings().number("MOVE_KEPT_SECONDS", 0)),
        **cast("dict[str, Any]", nothing | ports),
    )
