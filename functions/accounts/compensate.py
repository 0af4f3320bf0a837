"""Undoes what was done, newest first."""

from tenantry.accounts.bootstrap.undoing import undoing
from tenantry.accounts.provisioning import Failure, Progress
from tenantry.runtime.observability import metrics
from tenantry.runtime.stepfunctions import task


@metrics.log_metrics
@task(Failure)
def handler(given: Failure) -> Progress:
    return undoing().compensate(given)
