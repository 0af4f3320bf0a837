"""Signs and keeps what became of the account, and ends it."""

from tenantry.accounts.bootstrap.ending import certifying
from tenantry.accounts.provisioning import Progress, Task
from tenantry.runtime.stepfunctions import task


@task(Task)
def handler(given: Task) -> Progress:
    return certifying().certify(given)
