"""What the product needs to answer, and whether it does right now."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import boto3
from botocore.config import Config

from tenantry.bootstrap import settings
from tenantry.runtime.observability import logger

TIMEOUT = 1
"""Seconds to connect and to answer, tried once: health is asked about often, and must not hang."""
_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 1},
    connect_timeout=TIMEOUT,
    read_timeout=TIMEOUT,
    max_pool_connections=8,
)

Checks = Mapping[str, Callable[[], Any]]


@dataclass(frozen=True)
class Health:
    """The state of each dependency by name: `up` or `down`."""

    dependencies: dict[str, str]

    @property
    def is_up(self) -> bool:
        return all(state == "up" for state in self.dependencies.values())


@cache
def checks() -> Checks:
    """One cheap call for each, which reads nobody's data."""
    dynamodb = boto3.client("dynamodb", config=_CONFIG)
    events = boto3.client("events", config=_CONFIG)
    table, bus = settings().required("PLATFORM_TABLE"), settings().required("EVENT_BUS")
    return {
        "platformTable": partial(dynamodb.describe_table, TableName=table),
        "eventBus": partial(events.describe_event_bus, Name=bus),
    }


def health(checks: Checks) -> Health:
    """Run all `checks` at once; one that fails says `down` here, and why in the log."""
    with ThreadPoolExecutor(max_workers=len(checks)) as pool:
        states = pool.map(_state, checks.keys(), checks.values())
        return Health(dict(zip(checks, states, strict=True)))


def _state(name: str, check: Callable[[], Any]) -> str:
    try:
        check()
    except Exception as error:
        logger.warning("dependency down", dependency=name, error=type(error).__name__)
        return "down"
    return "up"
