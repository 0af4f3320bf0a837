"""Writes and reads as the tenant, and sees it come by the stream."""

from tenantry.accounts.bootstrap.data import working
from tenantry.accounts.provisioning import Progress, Task
from tenantry.runtime.stepfunctions import task


@task(Task)
def handler(given: Task) -> Progress:
    return working().verify(given)
