"""Every hour: clients of the user pool's that nobody acts by are removed."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tenantry.accounts.bootstrap.technical_users import stray_clients
from tenantry.runtime.observability import MetricUnit, annotate, logger, metrics


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(_event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    annotate(correlation_id=context.aws_request_id)
    swept = stray_clients().sweep()
    metrics.add_metric("StrayClientsRemoved", MetricUnit.Count, swept.removed)
    logger.info("swept", removed=swept.removed, waiting=swept.waiting)
    return {"removed": swept.removed, "waiting": swept.waiting}
