"""Every hour: give entries that are past their retention and sealed an end, as far as time goes."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tenantry.audit.bootstrap.retention import retention_sweep
from tenantry.runtime.observability import MetricUnit, annotate, logger, metrics

_NEEDED_MS = 30_000
"""What a batch of entries may take: with less time left, the next run goes on."""


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(_event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    annotate(correlation_id=context.aws_request_id)
    swept = retention_sweep().run(lambda: context.get_remaining_time_in_millis() > _NEEDED_MS)
    metrics.add_metric("EntriesSwept", MetricUnit.Count, swept)
    logger.info("swept", entries=swept)
    return {"swept": swept}
