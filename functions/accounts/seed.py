"""Writes what every tenant begins with."""

from tenantry.accounts.bootstrap.data import working
from tenantry.accounts.provisioning import Progress, Task
from tenantry.runtime.stepfunctions import task


@task(Task)
def handler(given: Task) -> Progress:
    return working().seed(given)
