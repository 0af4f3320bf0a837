"""Asks for the stack of a private account."""

from tenantry.accounts.bootstrap.stacks import creating
from tenantry.accounts.provisioning import Progress, Task
from tenantry.runtime.stepfunctions import task


@task(Task)
def handler(given: Task) -> Progress:
    return creating().create_stack(given)
