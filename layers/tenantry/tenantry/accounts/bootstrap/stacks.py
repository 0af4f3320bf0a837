"""Steps that make stacks: of private accounts here, of dedicated ones in their AWS accounts."""

from functools import cache
from pathlib import Path

import boto3

from tenantry.accounts.bootstrap import private_stacks
from tenantry.accounts.bootstrap.own_accounts import dedicated_stacks
from tenantry.accounts.bootstrap.steps import provisioning_with
from tenantry.accounts.cloudformation import CloudFormationStacks
from tenantry.accounts.model import Account, Names
from tenantry.accounts.provisioning import Provisioning
from tenantry.accounts.stacks import StacksByKind
from tenantry.bootstrap import CONFIG, settings

_TEMPLATE = "stacks/private-account.yaml"


@cache
def creating() -> Provisioning:
    return provisioning_with(stacks=StacksByKind(stacks(), dedicated_stacks()))


@cache
def looking() -> Provisioning:
    """Without what only making one needs."""
    return provisioning_with(stacks=StacksByKind(private_stacks.seen(), dedicated_stacks()))


@cache
def stacks() -> CloudFormationStacks:
    return CloudFormationStacks(
        boto3.client("cloudformation", config=CONFIG),
        settings().required("PREFIX"),
        role_arn=settings().required("PROVISIONER_ROLE_ARN"),
        template=_template,
        parameters=_parameters,
    )


def _template() -> str:
    return (Path(settings().text("LAMBDA_TASK_ROOT", ".")) / _TEMPLATE).read_text()


def _parameters(account: Account) -> dict[str, str]:
    names = Names(settings().required("PREFIX"), account.account_id)
    return {
        "Name": names.own,
        "TenantId": account.tenant_id,
        "AccountId": account.account_id,
        "Deployment": settings().required("PREFIX"),
        "Tree": names.tree,
        "Protected": "true" if settings().text("STAGE") == "prod" else "false",
        "Capacity": account.options.capacity,
        "Publisher": settings().required("PUBLISHER_FUNCTION"),
        "FailuresBucket": settings().required("FAILURES_BUCKET"),
        "AlarmTopic": settings().required("ALARM_TOPIC"),
    }
