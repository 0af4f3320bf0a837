"""Every hour: AWS accounts that wait in quarantine are closed, as far as AWS's quota allows."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tenantry.accounts.bootstrap.own_accounts import quarantine
from tenantry.accounts.quarantine import Swept
from tenantry.runtime.observability import MetricUnit, annotate, logger, metrics


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(_event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    annotate(correlation_id=context.aws_request_id)
    its = quarantine()
    swept = its.sweep() if its else Swept()
    metrics.add_metric("AccountsInQuarantine", MetricUnit.Count, swept.waiting)
    logger.info("swept", closing=swept.closing, waiting=swept.waiting)
    return {"closing": swept.closing, "waiting": swept.waiting}
