"""Every event of the bus, into the audit log."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tenantry.audit.bootstrap.recording import recording_service
from tenantry.bootstrap import senders
from tenantry.messaging.event import Envelope
from tenantry.runtime.batch import consume
from tenantry.runtime.observability import MetricUnit, logger, metrics


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return consume(event, context, senders(), _record)


def _record(envelope: Envelope) -> None:
    if recording_service().record(envelope):
        metrics.add_metric("EventsRecorded", MetricUnit.Count, 1)
