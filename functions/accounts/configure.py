"""Points the organisation to its place, and tells other systems; makes its technical user."""

from tenantry.accounts.bootstrap.tree import configuring
from tenantry.accounts.provisioning import Progress, Task
from tenantry.runtime.stepfunctions import task


@task(Task)
def handler(given: Task) -> Progress:
    return configuring().configure(given)
