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
_NO_KEY = {"PK": {"S": "HEALTH"}, "SK": {"S": "HEALTH"}}

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
    """One cheap call for each: the read of a key that no item has, the description of the bus."""
    known = settings()
    dynamodb = boto3.client("dynamodb", config=_CONFIG)
    events = boto3.client("events", config=_CONFIG)
    tables = {"platformTable": "PLATFORM_TABLE", "auditTable": "AUDIT_TABLE"}
    return {
        **{
            name: partial(dynamodb.get_item, TableName=known.required(setting), Key=_NO_KEY)
            for name, setting in tables.items()
        },
        "eventBus": partial(events.describe_event_bus, Name=known.required("EVENT_BUS")),
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
