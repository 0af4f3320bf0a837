"""Once a day, in runs of a quarter of an hour: measure what organisations have stored, and mend
their counters by it.

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
    half_ms = context.get_remaining_time_in_millis() // 2
    done = meter(
        lambda: context.get_remaining_time_in_millis() > _NEEDED_MS,
        lambda: context.get_remaining_time_in_millis() > max(half_ms, _NEEDED_MS),
        anew=event.get("anew") is True,
    )
    tally, waiting = done.tally, len(done.waiting)
    metrics.add_metric("StorageMeasured", MetricUnit.Count, tally.organizations)
    metrics.add_metric("StoredBytes", MetricUnit.Bytes, tally.bytes)
    metrics.add_metric("StoredOldBytes", MetricUnit.Bytes, tally.old_bytes)
    metrics.add_metric("CounterDrifts", MetricUnit.Count, tally.drifted)
    metrics.add_metric("StorageRoundAge", MetricUnit.Seconds, done.age.total_seconds())
    metrics.add_metric("StorageWaiting", MetricUnit.Count, waiting)
    metrics.add_metric("StorageLongestWait", MetricUnit.Seconds, done.longest.total_seconds())
    logger.info("swept", measured=tally.organizations, ended=done.ended, waiting=done.waiting)
    return {
        "measured": tally.organizations,
        "drifted": tally.drifted,
        "ended": done.ended,
        "waiting": waiting,
    }
