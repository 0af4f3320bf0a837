"""Opens the place."""

from tenantry.accounts.bootstrap.steps import provisioning
from tenantry.accounts.provisioning import Progress, Task
from tenantry.runtime.stepfunctions import task


@task(Task)
def handler(given: Task) -> Progress:
    return provisioning().activate(given)
