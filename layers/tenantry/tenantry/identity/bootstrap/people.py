"""Profiles: being shown, being changed."""

from functools import cache
from typing import TYPE_CHECKING

import boto3

from tenantry.bootstrap import CONFIG, platform_table, stamp
from tenantry.identity.dynamodb import DynamoDBProfileRepository
from tenantry.identity.service import ProfileService
from tenantry.identity.user_pool import CognitoUserDirectory
from tenantry.organizations.bootstrap import organization_service

if TYPE_CHECKING:
    from types_boto3_cognito_idp.client import CognitoIdentityProviderClient


@cache
def user_pools() -> "CognitoIdentityProviderClient":
    return boto3.client("cognito-idp", config=CONFIG)


@cache
def people() -> ProfileService:
    return ProfileService(
        profiles=DynamoDBProfileRepository(platform_table()),
        organizations=organization_service(),
        directory=CognitoUserDirectory(user_pools),
        stamp=stamp(),
    )
