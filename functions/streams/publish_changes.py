"""What changed in a table becomes events on the bus."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tenantry.messaging.bootstrap import change_publisher
from tenantry.runtime.observability import MetricUnit, logger, metrics


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda
    """Publish a batch of stream records; records that fail are kept elsewhere, so none is left."""
    records = event["Records"]
    published = change_publisher().publish(records)
    metrics.add_metric("EventsPublished", MetricUnit.Count, published.events)
    metrics.add_metric("RecordsKept", MetricUnit.Count, published.failed_records)
    logger.info(
        "published",
        records=len(records),
        events=published.events,
        event_types=published.types,
        failed_records=published.failed_records,
    )
    return {"batchItemFailures": []}
