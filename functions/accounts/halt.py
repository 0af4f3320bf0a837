"""Ends a teardown's run where it stands: given up, or failed until somebody retries it."""

from tenantry.accounts.bootstrap.ending import stepping
from tenantry.accounts.provisioning import Failure, Progress
from tenantry.runtime.observability import metrics
from tenantry.runtime.stepfunctions import task


@metrics.log_metrics
@task(Failure)
def handler(given: Failure) -> Progress:
    return stepping().halt(given)
