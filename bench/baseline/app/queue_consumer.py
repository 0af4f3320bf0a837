"""A queue consumer on the usual stack: it stores every event."""

import json
import os
from typing import Any

from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from models import Event
from stack import dynamodb, logger, metrics, tracer

processor = BatchProcessor(event_type=EventType.SQS)
table = dynamodb.Table(os.environ["AUDIT_TABLE"])


@tracer.capture_method
def keep(record: SQSRecord) -> None:
    event = Event(**json.loads(record.body)["detail"])
    pk = f"ORG#{event.tenant_id}#AUDIT#{event.occurred_at:%Y-%m}"
    item = {"PK": pk, "SK": event.id, **event.model_dump(mode="json")}
    table.put_item(Item=item, ConditionExpression="attribute_not_exists(PK)")
    logger.info("recorded")


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    return process_partial_response(event, keep, processor, context)
