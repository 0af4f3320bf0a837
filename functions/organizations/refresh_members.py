"""Makes current what members show of people's profiles."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tenantry.bootstrap import senders
from tenantry.messaging.event import Envelope
from tenantry.organizations.bootstrap import member_copies
from tenantry.runtime.batch import consume
from tenantry.runtime.observability import MetricUnit, logger, metrics


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return consume(event, context, senders(), _refresh)


def _refresh(envelope: Envelope) -> None:
    if renewed := member_copies().refresh(envelope):
        metrics.add_metric("MembersRefreshed", MetricUnit.Count, renewed)
