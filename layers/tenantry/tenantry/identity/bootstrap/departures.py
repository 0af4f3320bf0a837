"""People who leave with an organisation: nothing else of the context is needed for it."""

from functools import cache
from typing import TYPE_CHECKING

import boto3

from tenantry.bootstrap import CONFIG, platform_table
from tenantry.identity.departures import Departures
from tenantry.identity.dynamodb import DynamoDBDepartures
from tenantry.identity.user_pool import CognitoUserDirectory

if TYPE_CHECKING:
    from types_boto3_cognito_idp.client import CognitoIdentityProviderClient


@cache
def departures(pool_id: str) -> Departures:
    return Departures(DynamoDBDepartures(platform_table()), CognitoUserDirectory(_connect), pool_id)


@cache
def _connect() -> "CognitoIdentityProviderClient":
    return boto3.client("cognito-idp", config=CONFIG)
