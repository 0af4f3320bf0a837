"""Sees that the organisation's own AWS account is entered with its external id only."""

from tenantry.accounts.bootstrap.entering import entering
from tenantry.accounts.provisioning import Progress, Task
from tenantry.runtime.stepfunctions import task


@task(Task)
def handler(given: Task) -> Progress:
    return entering().guard(given)
