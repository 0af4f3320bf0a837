"""What Cognito's triggers are made of: AWS clients that give up while Cognito still waits.

Cognito waits five seconds in all. Two attempts of at most a second and a half, with the pause
between them, end within a function's timeout, so that a database that hangs is a failure that is
logged and alarmed, not a function that was stopped in the middle. `Table` counts its own.
"""

from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from tenantry.bootstrap import CONFIG, settings
from tenantry.persistence.table import Table

if TYPE_CHECKING:
    from types_boto3_cognito_idp.client import CognitoIdentityProviderClient
    from types_boto3_dynamodb.client import DynamoDBClient

ATTEMPTS = 2
TRIGGER = CONFIG.merge(
    Config(
        connect_timeout=0.5,
        read_timeout=1,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
    )
)
_TABLES = TRIGGER.merge(Config(retries={"mode": "standard", "total_max_attempts": 1}))


@cache
def dynamodb() -> "DynamoDBClient":
    """For `Table`s."""
    return boto3.client("dynamodb", config=_TABLES)


def table(name: str) -> Table:
    """The table of that name in the settings."""
    return Table(dynamodb(), settings().required(name), unanswered=ATTEMPTS)


@cache
def platform_table() -> Table:
    return table("PLATFORM_TABLE")


@cache
def user_pools() -> "CognitoIdentityProviderClient":
    return boto3.client("cognito-idp", config=TRIGGER)
