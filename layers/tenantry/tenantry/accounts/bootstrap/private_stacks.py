"""CloudFormation's stacks of private accounts, for those who do not make them."""

from typing import TYPE_CHECKING

import boto3

from tenantry.accounts.cloudformation import CloudFormationStacks
from tenantry.bootstrap import CONFIG, dynamodb, settings

if TYPE_CHECKING:
    from types_boto3_cloudformation.client import CloudFormationClient


def seen() -> CloudFormationStacks:
    return CloudFormationStacks(_client(), settings().required("PREFIX"))


def removable() -> CloudFormationStacks:
    """With what deleting takes: protection is lifted, and buckets are emptied."""
    return CloudFormationStacks(
        _client(),
        settings().required("PREFIX"),
        role_arn=settings().required("PROVISIONER_ROLE_ARN"),
        dynamodb=dynamodb(),
        s3=boto3.client("s3", config=CONFIG),
    )


def _client() -> "CloudFormationClient":
    return boto3.client("cloudformation", config=CONFIG)
