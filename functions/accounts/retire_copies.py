"""Every minute: old copies that moves have left are removed, once they were kept long enough."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tenantry.accounts.bootstrap.moving import retiring
from tenantry.runtime.observability import MetricUnit, annotate, logger, metrics


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(_event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    annotate(correlation_id=context.aws_request_id)
    removed = retiring().retire_due()
    metrics.add_metric("CopiesRemoved", MetricUnit.Count, removed)
    logger.info("swept", removed=removed)
    return {"removed": removed}
