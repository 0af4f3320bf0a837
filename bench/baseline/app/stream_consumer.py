"""A stream consumer on the usual stack: it publishes what it is told."""

import json
import os
from typing import Any

import boto3
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from models import Event
from stack import logger, metrics, tracer

processor = BatchProcessor(event_type=EventType.DynamoDBStreams)
events = boto3.client("events")


@tracer.capture_method
def publish(record: DynamoDBRecord) -> None:
    image = record.dynamodb.new_image
    for told in image["events"]:
        event = Event(entity_id=image["entity_id"], entity_version=1, **told)
        entry = {
            "EventBusName": os.environ["EVENT_BUS"],
            "Source": event.context,
            "DetailType": event.type,
            "Detail": json.dumps(event.model_dump(mode="json")),
        }
        events.put_events(Entries=[entry])
    logger.info("published")


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    return process_partial_response(event, publish, processor, context)
