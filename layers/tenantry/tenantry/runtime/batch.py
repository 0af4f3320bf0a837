"""Queue batches: each record for itself; one that fails comes back alone, the others are done."""

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from tenantry.errors import TenantryError
from tenantry.messaging.delivery import Senders, received
from tenantry.messaging.event import Envelope
from tenantry.runtime.observability import annotated, logger


def consume(
    event: dict[str, Any],
    context: LambdaContext,
    senders: Senders,
    effect: Callable[[Envelope], None],
) -> dict[str, Any]:
    """Run `effect` on every event of an SQS batch; answers the records that failed."""

    def handle(record: SQSRecord) -> None:  # Powertools names the argument
        with annotated(message_id=record.message_id):
            try:
                envelope = received(record.body, senders)
            except TenantryError as error:
                logger.warning("not believed", code=error.code, exc_info=error)
                raise
        with annotated(**envelope.trail):
            try:
                effect(envelope)
            except Exception:
                logger.exception("failed")
                raise
            logger.info("consumed")

    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    return dict(process_partial_response(event, handle, processor, context))


def work(
    event: dict[str, Any], context: LambdaContext, effect: Callable[[str], None]
) -> dict[str, Any]:
    """Run `effect` on the body of every message of an SQS batch; answers those that failed.

    For queues of a context's own, whose messages are no events of the bus.
    """

    def handle(record: SQSRecord) -> None:  # Powertools names the argument
        with annotated(message_id=record.message_id, correlation_id=context.aws_request_id):
            try:
                effect(record.body)
            except Exception:
                logger.exception("failed")
                raise
            logger.info("worked")

    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    return dict(process_partial_response(event, handle, processor, context))
