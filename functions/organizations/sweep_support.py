"""Every few minutes: closes support sessions whose time is over."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tenantry.organizations.bootstrap import support_sweep
from tenantry.runtime.observability import MetricUnit, annotate, logger, metrics

_TO_FINISH_MS = 10_000
"""Left for the session at hand."""


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(_event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    annotate(correlation_id=context.aws_request_id)
    swept = support_sweep().run(lambda: context.get_remaining_time_in_millis() > _TO_FINISH_MS)
    metrics.add_metric("SupportSessionsExpired", MetricUnit.Count, swept.closed)
    logger.info("swept", closed=swept.closed, left=swept.left)
    return {"closed": swept.closed, "left": swept.left}
