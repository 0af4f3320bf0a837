"""Organisations that were cancelled: nobody pays for another period of theirs."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tenantry.billing.bootstrap import ending_service
from tenantry.bootstrap import senders
from tenantry.messaging.event import Envelope
from tenantry.runtime.batch import consume
from tenantry.runtime.observability import logger, metrics


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return consume(event, context, senders(), _ended)


def _ended(envelope: Envelope) -> None:
    ending_service().end(envelope.entity_id, envelope.correlation_id)
