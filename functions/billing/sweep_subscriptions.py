"""Every few minutes: ends of trials, periods and grace that have become due."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tenantry.billing.bootstrap import sweep_service
from tenantry.runtime.observability import MetricUnit, annotate, logger, metrics

_TO_FINISH_MS = 15_000
"""Left for the account at hand, which may wait for Stripe."""


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(_event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    annotate(correlation_id=context.aws_request_id)
    done = sweep_service().run(lambda: context.get_remaining_time_in_millis() > _TO_FINISH_MS)
    logger.info("swept", looked_at=done.looked_at, moved=done.moved, failed=done.failed)
    if done.failed:
        metrics.add_metric("SubscriptionsNotMoved", MetricUnit.Count, done.failed)
    return {"moved": done.moved, "unfinished": done.unfinished}
