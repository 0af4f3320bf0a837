"""Wires the dead letters' context."""

from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from tenantry.bootstrap import CONFIG, platform_table, settings, stamp
from tenantry.deadletters.dynamodb import DynamoDBRedrives
from tenantry.deadletters.service import DeadLetterService
from tenantry.deadletters.sqs import Redrive
from tenantry.identity.bootstrap.operators import operator_standing

_PATIENT = CONFIG.merge(Config(read_timeout=10))
"""A receive waits for messages, and the publisher for its bus."""


@cache
def dead_letter_service() -> DeadLetterService:
    return DeadLetterService(
        operators=operator_standing(),
        places=Redrive(
            _clients().__getitem__,
            settings().required("PREFIX"),
            settings().required("STREAM_FAILURES_BUCKET"),
        ),
        redrives=DynamoDBRedrives(platform_table()),
        stamp=stamp(),
    )


def _clients() -> dict[str, Any]:
    return {
        "sqs": boto3.client("sqs", config=_PATIENT),
        "s3": boto3.client("s3", config=_PATIENT),
        "lambda": boto3.client("lambda", config=_PATIENT),
    }
