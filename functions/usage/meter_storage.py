"""Once a day, in hourly runs: measure what organisations have stored, and set their counters to it.

Invoked with `{"anew": true}` it begins a round at once.
"""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tenantry.runtime.observability import MetricUnit, annotate, logger, metrics
from tenantry.usage.bootstrap.storage import meter

_NEEDED_MS = 20_000
"""What a page of objects and the end may take: with less time left, the next run goes on."""


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    annotate(correlation_id=context.aws_request_id)
    swept, tally = meter(
        lambda: context.get_remaining_time_in_millis() > _NEEDED_MS,
        anew=event.get("anew") is True,
    )
    metrics.add_metric("StorageMeasured", MetricUnit.Count, tally.organizations)
    metrics.add_metric("StoredBytes", MetricUnit.Bytes, tally.bytes)
    metrics.add_metric("StoredOldBytes", MetricUnit.Bytes, tally.old_bytes)
    metrics.add_metric("CounterDrifts", MetricUnit.Count, tally.drifted)
    logger.info("swept", measured=tally.organizations, ended=swept.ended)
    return {"measured": tally.organizations, "drifted": tally.drifted, "ended": swept.ended}
