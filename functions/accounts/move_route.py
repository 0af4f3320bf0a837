"""Checks, flips and opens the route of an organisation that is moved."""

from tenantry.accounts.bootstrap.moving import routing
from tenantry.accounts.moving import MoveTask
from tenantry.accounts.provisioning import Progress
from tenantry.runtime.stepfunctions import task


@task(MoveTask)
def handler(given: MoveTask) -> Progress:
    return routing().do(given)
