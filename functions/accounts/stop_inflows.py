"""Lets nobody write or read any more; there is no way back from here."""

from tenantry.accounts.bootstrap.ending import stepping
from tenantry.accounts.provisioning import Progress, Task
from tenantry.runtime.stepfunctions import task


@task(Task)
def handler(given: Task) -> Progress:
    return stepping().stop_inflows(given)
