"""Once a day, in hourly runs: prove that every counter that guards a limit equals its rows.

Which counters there are, the contexts say that own the rows (`usage/bootstrap/registration.py`).
Invoked with `{"anew": true}` it begins a round at once.
"""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tenantry.runtime.observability import MetricUnit, annotate, logger, metrics
from tenantry.usage.bootstrap import prove

_NEEDED_MS = 60_000
"""What a page of organisations may take: with less time left, the next run goes on."""


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    annotate(correlation_id=context.aws_request_id)
    swept = prove(
        lambda: context.get_remaining_time_in_millis() > _NEEDED_MS,
        anew=event.get("anew") is True,
    )
    metrics.add_metric("CounterDrifts", MetricUnit.Count, swept.found)
    logger.info("swept", visited=swept.visited, drifted=swept.found, ended=swept.ended)
    return {"visited": swept.visited, "drifted": swept.found, "ended": swept.ended}
