"""Exports and reports of the audit log, a slice at each message; an unfinished one goes back.

So does one of an organisation that is being moved: it is written where the organisation goes.
"""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tenantry.audit.bootstrap.writing import continuations, export_writer
from tenantry.bootstrap import senders
from tenantry.errors import OrganizationMovingError
from tenantry.messaging.event import Envelope
from tenantry.runtime.batch import consume
from tenantry.runtime.observability import MetricUnit, logger, metrics


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return consume(event, context, senders(), _work)


def _work(envelope: Envelope) -> None:
    tenant_id = str(envelope.tenant_id)
    try:
        if export_writer(tenant_id).work(tenant_id, envelope.entity_id):
            continuations().go_on(envelope)
    except OrganizationMovingError as moving:
        continuations().go_on(envelope, after=moving.retry_after)
    metrics.add_metric("ExportSlices", MetricUnit.Count, 1)
