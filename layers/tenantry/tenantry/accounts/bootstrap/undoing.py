"""Undoing, which reaches whatever any step has made."""

from functools import cache

import boto3

from tenantry.accounts.bootstrap.data import data
from tenantry.accounts.bootstrap.own_accounts import dedicated_stacks, own_accounts
from tenantry.accounts.bootstrap.steps import provisioning_with
from tenantry.accounts.bootstrap.tree import tree
from tenantry.accounts.cloudformation import CloudFormationStacks
from tenantry.accounts.provisioning import Provisioning
from tenantry.accounts.stacks import StacksByKind
from tenantry.bootstrap import CONFIG, dynamodb, settings


@cache
def undoing() -> Provisioning:
    stacks = CloudFormationStacks(
        boto3.client("cloudformation", config=CONFIG),
        settings().required("PREFIX"),
        role_arn=settings().required("PROVISIONER_ROLE_ARN"),
        dynamodb=dynamodb(),
        s3=boto3.client("s3", config=CONFIG),
    )
    return provisioning_with(
        stacks=StacksByKind(stacks, dedicated_stacks()),
        tree=tree(),
        data=data(),
        own=own_accounts(),
    )
