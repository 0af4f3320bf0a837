"""Steps of moves, each with the ports that it uses, and the sweep for the copies they leave."""

from datetime import timedelta
from functools import cache, partial
from typing import Any, cast

import boto3

from tenantry.accounts.bootstrap.data import copiers, data
from tenantry.accounts.bootstrap.steps import provisioning_with
from tenantry.accounts.cloudformation import CloudFormationStacks
from tenantry.accounts.moving import Moving
from tenantry.accounts.tenant_copies import DynamoDBTenantCopies
from tenantry.bootstrap import CONFIG, dynamodb, settings
from tenantry.tenancy.holdings import Store, partitions


@cache
def routing() -> Moving:
    """For steps that work on the ledger and the organisation alone."""
    return _moving()


@cache
def copying() -> Moving:
    return _moving(copies=_copies(), data=data())


@cache
def undoing_moves() -> Moving:
    return _moving(copies=_copies(), stacks=_stacks())


@cache
def retiring() -> Moving:
    return _moving(copies=_copies(), stacks=_stacks())


def _moving(copies: Any = None, **ports: Any) -> Moving:
    return Moving(
        provisioning=provisioning_with(**ports),
        copies=cast("DynamoDBTenantCopies", copies),
        settle=_seconds("MOVE_SETTLE_SECONDS"),
        confirmed_within=_seconds("MOVE_CONFIRM_SECONDS"),
        kept=_seconds("MOVE_KEPT_SECONDS"),
    )


def _copies() -> DynamoDBTenantCopies:
    return DynamoDBTenantCopies(
        copiers,
        partial(partitions, Store.TENANT),
        shared=settings().required("TENANT_TABLE"),
    )


def _stacks() -> CloudFormationStacks:
    return CloudFormationStacks(
        boto3.client("cloudformation", config=CONFIG),
        settings().required("PREFIX"),
        role_arn=settings().required("PROVISIONER_ROLE_ARN"),
        dynamodb=dynamodb(),
        s3=boto3.client("s3", config=CONFIG),
    )


def _seconds(name: str) -> timedelta:
    given = settings().text(name)
    return timedelta(seconds=int(given) if given.isdecimal() else 0)
