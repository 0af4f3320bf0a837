"""What becomes of teardowns, into the mails that follow from it."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tenantry.accounts.bootstrap.mailing import teardown_mails
from tenantry.bootstrap import senders
from tenantry.messaging.event import Envelope
from tenantry.runtime.batch import consume
from tenantry.runtime.observability import MetricUnit, logger, metrics


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return consume(event, context, senders(), _send)


def _send(envelope: Envelope) -> None:
    if sent := teardown_mails().send(envelope):
        metrics.add_metric("MailsSent", MetricUnit.Count, sent)
