"""Undoes what a move did, newest first: the organisation is where it was."""

from tenantry.accounts.bootstrap.moving import undoing_moves
from tenantry.accounts.provisioning import Failure, Progress
from tenantry.runtime.stepfunctions import task


@task(Failure)
def handler(given: Failure) -> Progress:
    return undoing_moves().compensate(given)
