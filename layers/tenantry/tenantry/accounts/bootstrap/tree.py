"""Steps that tell other systems."""

from functools import cache

import boto3

from tenantry.accounts.bootstrap.steps import provisioning_with
from tenantry.accounts.provisioning import Provisioning
from tenantry.accounts.ssm import SsmParameterTree
from tenantry.bootstrap import CONFIG, settings


@cache
def telling() -> Provisioning:
    return provisioning_with(tree=tree())


@cache
def configuring() -> Provisioning:
    """With the technical user that an account asked for."""
    from tenantry.accounts.bootstrap.technical_users import technical_users

    return provisioning_with(tree=tree(), users=technical_users())


@cache
def tree() -> SsmParameterTree:
    return SsmParameterTree(boto3.client("ssm", config=CONFIG), settings().required("PREFIX"))
