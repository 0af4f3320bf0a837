"""The end of accounts whose organisations were cancelled, for the function that asks for it."""

from functools import cache

from tenantry.accounts.bootstrap.ledger import accounts
from tenantry.accounts.closing import Closing
from tenantry.accounts.model import Operation
from tenantry.bootstrap import platform_table, stamp
from tenantry.organizations.dynamodb import DynamoDBOrganizationRepository
from tenantry.organizations.hosting import OrganizationHosting
from tenantry.runtime.observability import MetricUnit, logger, metrics


@cache
def closing() -> Closing:
    return Closing(
        accounts=accounts(),
        hosting=OrganizationHosting(DynamoDBOrganizationRepository(platform_table())),
        stamp=stamp(),
        report=_report,
    )


def _report(what: str, operation: Operation) -> None:
    """Counted too, since it has an alarm: an operator has to approve it."""
    logger.warning(what, tenant_id=operation.tenant_id, operation_id=operation.operation_id)
    metrics.add_metric("AccountsToEnd", MetricUnit.Count, 1)
