"""Tries the place that an organisation is moved to, copies to it, and compares, in parts."""

from tenantry.accounts.bootstrap.moving import copying
from tenantry.accounts.moving import MoveTask
from tenantry.accounts.provisioning import Progress
from tenantry.runtime.stepfunctions import task


@task(MoveTask)
def handler(given: MoveTask) -> Progress:
    return copying().do(given)
