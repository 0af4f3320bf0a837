"""Deletes what is the tenant's, a bounded part at a time."""

from tenantry.accounts.bootstrap.ending import purging
from tenantry.accounts.provisioning import Progress, Task
from tenantry.runtime.stepfunctions import task


@task(Task)
def handler(given: Task) -> Progress:
    return purging().purge(given)
