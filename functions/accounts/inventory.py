"""Looks again, with the services, for whatever is left."""

from tenantry.accounts.bootstrap.ending import looking_again
from tenantry.accounts.provisioning import Progress, Task
from tenantry.runtime.stepfunctions import task


@task(Task)
def handler(given: Task) -> Progress:
    return looking_again().inventory(given)
