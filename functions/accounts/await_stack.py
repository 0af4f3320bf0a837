"""Sees how the stack is, and keeps what it tells."""

from tenantry.accounts.bootstrap.stacks import looking
from tenantry.accounts.provisioning import Progress, Task
from tenantry.runtime.stepfunctions import task


@task(Task)
def handler(given: Task) -> Progress:
    return looking().await_stack(given)
