"""What happens to accounts moves the line of operations up."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tenantry.accounts.bootstrap.line import line
from tenantry.bootstrap import senders
from tenantry.messaging.event import Envelope
from tenantry.runtime.batch import consume
from tenantry.runtime.observability import MetricUnit, logger, metrics


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return consume(event, context, senders(), _moved_up)


def _moved_up(_envelope: Envelope) -> None:
    """Whatever happened, somebody waits or a place is free: the line itself says who is next."""
    if started := line().move_up():
        metrics.add_metric("OperationsStarted", MetricUnit.Count, started)
