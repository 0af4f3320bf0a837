"""On a schedule: invitations end on time, and those that end soon are reminded of."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tenantry.invitations.bootstrap.sweeping import invitation_sweep
from tenantry.runtime.observability import MetricUnit, annotate, logger, metrics


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(_event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """A failure is raised: the schedule's message comes again, and is given up in the end."""
    annotate(correlation_id=context.aws_request_id)
    swept = invitation_sweep().run()
    metrics.add_metric("InvitationsExpired", MetricUnit.Count, swept.expired)
    metrics.add_metric("InvitationsReminded", MetricUnit.Count, swept.reminded)
    logger.info("swept", expired=swept.expired, reminded=swept.reminded, left=swept.left)
    return {"batchItemFailures": []}
