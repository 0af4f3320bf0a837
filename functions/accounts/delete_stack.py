"""Deletes what a private account has for itself."""

from tenantry.accounts.bootstrap.ending import deleting
from tenantry.accounts.provisioning import Progress, Task
from tenantry.runtime.stepfunctions import task


@task(Task)
def handler(given: Task) -> Progress:
    return deleting().delete_stack(given)
