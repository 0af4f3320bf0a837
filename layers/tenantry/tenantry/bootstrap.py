"""Composition root, shared part: settings and AWS clients, built once per process, on first use.

Each context wires its own services in its `bootstrap` module, out of these: the only modules that
import adapters. So a function imports, and connects to, just what it needs.
"""

from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from tenantry.messaging.delivery import PlatformSenders
from tenantry.messaging.stamp import Stamp
from tenantry.persistence.table import Table
from tenantry.runtime.identifiers import new_id, now
from tenantry.runtime.settings import Settings

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient

CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 4},
    connect_timeout=1,
    read_timeout=3,
    tcp_keepalive=True,
    user_agent_extra="tenantry",
)
"""Short waits: Cognito gives a trigger five seconds in all, AppSync and API Gateway thirty."""
SINGLE_ATTEMPT = CONFIG.merge(Config(retries={"mode": "standard", "total_max_attempts": 1}))
"""For adapters whose callers count the attempts themselves, so that theirs do not multiply."""


@cache
def settings() -> Settings:
    return Settings.from_env()


@cache
def dynamodb() -> "DynamoDBClient":
    """For `Table`s, which try again by themselves."""
    return boto3.client("dynamodb", config=SINGLE_ATTEMPT)


@cache
def platform_table() -> Table:
    return Table(dynamodb(), settings().required("PLATFORM_TABLE"))


@cache
def stamp() -> Stamp:
    return Stamp(now=now, new_id=new_id)


@cache
def senders() -> PlatformSenders:
    return PlatformSenders(settings().required("PLATFORM_ACCOUNT_ID"))
