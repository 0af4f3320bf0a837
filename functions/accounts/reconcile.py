"""Every minute: operations that have fallen silent are settled, and the line moves up."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tenantry.accounts.bootstrap.line import line
from tenantry.runtime.observability import MetricUnit, annotate, logger, metrics


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(_event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    annotate(correlation_id=context.aws_request_id)
    settled = started = 0
    try:
        settled = line().sweep()
    finally:
        # Those who wait do so for no other's failure.
        started = line().move_up()
        metrics.add_metric("OperationsSettled", MetricUnit.Count, settled)
        metrics.add_metric("OperationsStarted", MetricUnit.Count, started)
    logger.info("swept", settled=settled, started=started)
    return {"settled": settled, "started": started}
