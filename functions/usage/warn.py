"""Every quarter of an hour: tell which organisations come near their limits.

Invoked with `{"anew": true}` it begins a round at once.
"""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tenantry.runtime.observability import MetricUnit, annotate, logger, metrics
from tenantry.usage.bootstrap import QUARTER_HOURLY, sweep, usage_warnings

_NEEDED_MS = 15_000
"""What a page of organisations may take: with less time left, the next run goes on."""


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    annotate(correlation_id=context.aws_request_id)
    swept = sweep("usage-warnings", QUARTER_HOURLY).run(
        usage_warnings().visit,
        lambda: context.get_remaining_time_in_millis() > _NEEDED_MS,
        anew=event.get("anew") is True,
    )
    metrics.add_metric("UsageWarnings", MetricUnit.Count, swept.found)
    logger.info("swept", visited=swept.visited, told=swept.found, ended=swept.ended)
    return {"visited": swept.visited, "told": swept.found, "ended": swept.ended}
