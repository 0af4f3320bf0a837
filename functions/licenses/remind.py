"""Every hour: tell that licences end soon, and that they ended."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tenantry.licenses.bootstrap import license_reminders
from tenantry.runtime.observability import MetricUnit, annotate, logger, metrics

_NEEDED_MS = 15_000
"""What a page of licences may take: with less time left, the next run goes on."""


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(_event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    annotate(correlation_id=context.aws_request_id)
    told = license_reminders().run(lambda: context.get_remaining_time_in_millis() > _NEEDED_MS)
    metrics.add_metric("LicenseNotices", MetricUnit.Count, told)
    logger.info("reminded", told=told)
    return {"told": told}
