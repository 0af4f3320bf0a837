"""Tells other systems, and ends the operation."""

from tenantry.accounts.bootstrap.tree import telling
from tenantry.accounts.provisioning import Progress, Task
from tenantry.runtime.stepfunctions import task


@task(Task)
def handler(given: Task) -> Progress:
    return telling().announce(given)
