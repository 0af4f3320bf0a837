"""Puts the organisation's own AWS account where its policies are in effect."""

from tenantry.accounts.bootstrap.own_accounts import vending
from tenantry.accounts.provisioning import Progress, Task
from tenantry.runtime.stepfunctions import task


@task(Task)
def handler(given: Task) -> Progress:
    return vending().place(given)
