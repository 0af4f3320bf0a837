"""Has an AWS account of the organisation's own made, and sees it through."""

from tenantry.accounts.bootstrap.own_accounts import vending
from tenantry.accounts.provisioning import Vend, Vending
from tenantry.runtime.stepfunctions import task


@task(Vending)
def handler(given: Vending) -> Vend:
    return vending().vend(given)
