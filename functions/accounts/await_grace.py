"""Waits until nobody may change their mind any more."""

from tenantry.accounts.bootstrap.ending import stepping
from tenantry.accounts.provisioning import Progress, Task
from tenantry.runtime.stepfunctions import task


@task(Task)
def handler(given: Task) -> Progress:
    return stepping().await_grace(given)
