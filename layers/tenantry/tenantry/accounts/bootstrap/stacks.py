"""Steps that make stacks: of private accounts here, of dedicated ones in their AWS accounts."""

from functools import cache
from pathlib import Path

import boto3

from tenantry.accounts.bootstrap import private_stacks
from tenantry.accounts.bootstrap.own_accounts import dedicated_stacks
from tenantry.accounts.bootstrap.steps import provisioning_with
from tenantry.accounts.cloudformation import CloudFormationStacks
from tenantry.accounts.model import Account, Names, ProvisioningStatus
from tenantry.accounts.provisioning import Provisioning
from tenantry.accounts.stacks import StacksByKind
from tenantry.bootstrap import CONFIG, settings

_PRIVATE = "stacks/private-account.yaml"
_BUCKETS = "stacks/own-buckets.yaml"


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


def _template(account: Account) -> str:
    name = _BUCKETS if account.has_own_buckets else _PRIVATE
    return (Path(settings().text("LAMBDA_TASK_ROOT", ".")) / name).read_text()


def _parameters(account: Account) -> dict[str, str]:
    names = Names.of(settings().required("PREFIX"), account)
    given = {
        "Name": names.own,
        "TenantId": account.tenant_id,
        "AccountId": account.account_id,
        "Deployment": settings().required("PREFIX"),
    }
    if account.has_own_buckets:
        return {**given, "KeyArn": settings().required("SECRETS_KEY_ARN")}
    return {
        **given,
        "Tree": names.tree,
        # Of one that is active others know already; its move tells them when it is there.
        "TellsPlace": "false" if account.status is ProvisioningStatus.ACTIVE else "true",
        "Protected": "true" if settings().text("STAGE") == "prod" else "false",
        "Capacity": account.options.capacity,
        "Publisher": settings().required("PUBLISHER_FUNCTION"),
        "FailuresBucket": settings().required("FAILURES_BUCKET"),
        "AlarmTopic": settings().required("ALARM_TOPIC"),
    }
