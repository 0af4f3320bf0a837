"""What happens to invitations, into the mails that follow from it."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tenantry.bootstrap import senders
from tenantry.invitations.bootstrap.mailing import invitation_mails
from tenantry.messaging.event import Envelope
from tenantry.runtime.batch import consume
from tenantry.runtime.observability import MetricUnit, logger, metrics


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return consume(event, context, senders(), _send)


def _send(envelope: Envelope) -> None:
    if invitation_mails().send(envelope):
        metrics.add_metric("MailsSent", MetricUnit.Count, 1)
