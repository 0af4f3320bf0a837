"""Takes the organisation's own AWS account out of what governs it."""

from tenantry.accounts.bootstrap.ending import parting
from tenantry.accounts.provisioning import Progress, Task
from tenantry.runtime.observability import metrics
from tenantry.runtime.stepfunctions import task


@metrics.log_metrics
@task(Task)
def handler(given: Task) -> Progress:
    return parting().release(given)
