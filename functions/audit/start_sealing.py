"""By schedule: a task for each organisation whose day is over."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tenantry.audit.bootstrap.rounds import sealing_rounds
from tenantry.runtime.observability import MetricUnit, annotate, logger, metrics


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(_event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    annotate(correlation_id=context.aws_request_id)
    sent = sealing_rounds().run()
    if sent:
        metrics.add_metric("SealsAsked", MetricUnit.Count, sent)
        logger.info("told", organizations=sent)
    return {"organizations": sent}
