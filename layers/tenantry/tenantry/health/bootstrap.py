"""Wires the health context: one cheap call for each dependency, which reads nobody's data."""

from functools import cache, partial

import boto3
from botocore.config import Config

from tenantry.bootstrap import settings
from tenantry.health.service import HealthService
from tenantry.runtime.observability import logger

TIMEOUT = 1
"""Seconds to connect and to answer, tried once: a health check must not hang."""
_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 1},
    connect_timeout=TIMEOUT,
    read_timeout=TIMEOUT,
    max_pool_connections=8,
)


@cache
def health_service() -> HealthService:
    dynamodb = boto3.client("dynamodb", config=_CONFIG)
    events = boto3.client("events", config=_CONFIG)
    table, bus = settings().required("PLATFORM_TABLE"), settings().required("EVENT_BUS")
    return HealthService(
        {
            "platformTable": partial(dynamodb.describe_table, TableName=table),
            "eventBus": partial(events.describe_event_bus, Name=bus),
        },
        report=_report,
    )


def _report(dependency: str, error: str) -> None:
    logger.warning("dependency down", dependency=dependency, error=error)
