"""Every new organisation, into the register that sweeps go through."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tenantry.bootstrap import senders
from tenantry.messaging.event import Envelope
from tenantry.runtime.batch import consume
from tenantry.runtime.observability import logger
from tenantry.usage.bootstrap import register


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return consume(event, context, senders(), _register)


def _register(envelope: Envelope) -> None:
    register().add(envelope.entity_id)
