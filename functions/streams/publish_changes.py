"""What changed in a table becomes events on the bus."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tenantry.messaging.bootstrap import change_publisher
from tenantry.runtime.observability import MetricUnit, annotated, logger, metrics


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda
    """Publish a batch of stream records; records that fail are kept elsewhere, so none is left."""
    published = change_publisher().publish(event["Records"])
    metrics.add_metric("EventsPublished", MetricUnit.Count, published.events)
    metrics.add_metric("RecordsKept", MetricUnit.Count, published.failed_records)
    for envelope in published.accepted:
        with annotated(**envelope.trail):
            logger.info("published")
    for kept in published.kept:
        logger.error("kept", record_id=kept.record_id, cause=kept.kind)
    return {"batchItemFailures": []}
