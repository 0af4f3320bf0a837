"""Sees how the deletion of a stack is."""

from tenantry.accounts.bootstrap.ending import watching
from tenantry.accounts.provisioning import Progress, Task
from tenantry.runtime.stepfunctions import task


@task(Task)
def handler(given: Task) -> Progress:
    return watching().await_deletion(given)
