"""Notices of Stripe's from the queue: asks Stripe how their customers stand, and stores it."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tenantry.billing.bootstrap import settling_service
from tenantry.billing.model import Notice
from tenantry.runtime.batch import work
from tenantry.runtime.observability import MetricUnit, annotated, logger, metrics


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return work(event, context, _settle)


def _settle(body: str) -> None:
    notice = Notice.model_validate_json(body)
    with annotated(correlation_id=notice.event_id, notice_type=notice.type):
        tenant_id = settling_service().settle(notice)
        with annotated(tenant_id=tenant_id):
            logger.info("settled" if tenant_id else "nothing to settle")
    if tenant_id:
        metrics.add_metric("SubscriptionsSettled", MetricUnit.Count, 1)
