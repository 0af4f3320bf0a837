"""Quarantines and closes the organisation's own AWS account."""

from tenantry.accounts.bootstrap.ending import parting
from tenantry.accounts.provisioning import Queued, Task
from tenantry.runtime.observability import metrics
from tenantry.runtime.stepfunctions import task


@metrics.log_metrics
@task(Task)
def handler(given: Task) -> Queued:
    return parting().close(given)
