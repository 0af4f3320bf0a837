"""Organisations' own AWS accounts, where the deployment knows who makes them."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import boto3

from tenantry.accounts.bootstrap.ledger import accounts
from tenantry.accounts.bootstrap.steps import offers_dedicated, provisioning_with
from tenantry.accounts.bootstrap.vendor import vendor, vendor_settings
from tenantry.accounts.cloudformation import CloudFormationStacks
from tenantry.accounts.dedicated_stacks import DedicatedStacks, Inside
from tenantry.accounts.estate import Seeing
from tenantry.accounts.eventbridge import EventBridgeEntrance, OpenEntrance
from tenantry.accounts.model import Account, Names
from tenantry.accounts.own_accounts import OwnAccounts, entered, external_id
from tenantry.accounts.provisioning import Provisioning
from tenantry.accounts.quarantine import Quarantine
from tenantry.accounts.repository import Entrance
from tenantry.accounts.ssm import SsmExternalIds
from tenantry.accounts.vending import Credentials, Errand, Purpose
from tenantry.bootstrap import CONFIG, settings
from tenantry.runtime.identifiers import now
from tenantry.runtime.observability import MetricUnit, logger, metrics

_TEMPLATE = "stacks/dedicated-account-baseline.yaml"


@cache
def vending() -> Provisioning:
    """For the steps that ask whoever makes AWS accounts."""
    own = own_accounts()
    return provisioning_with(own=own and replace(own, room=lambda: entrance().has_room()))


@cache
def own_accounts() -> OwnAccounts | None:
    """With whoever makes them, for the steps that ask them."""
    if not offers_dedicated():
        return None
    return OwnAccounts(vendor(), vendor_settings(), _report)


@cache
def dedicated_stacks() -> DedicatedStacks | None:
    if not offers_dedicated():
        return None
    prefix = settings().required("PREFIX")
    key = settings().text("SECRETS_KEY_ARN")
    return DedicatedStacks(
        prefix,
        vendor(),
        _inside,
        now,
        ids=SsmExternalIds(boto3.client("ssm", config=CONFIG), prefix, key, external_id),
        bus=entrance(),
        stacks=_stacks,
        parameters=_parameters,
        looks=settings().text("DEDICATED_WATCHERS") != "none",
    )


@cache
def quarantine() -> Quarantine | None:
    if not offers_dedicated():
        return None
    return Quarantine(vendor(), accounts(), _report_number)


def entrance() -> Entrance:
    if settings().text("ENTRANCE_IS_OPEN") == "true":
        return OpenEntrance()
    client = boto3.client("events", config=CONFIG)
    return EventBridgeEntrance(client, settings().text("ENTRANCE_BUS"))


def _stacks(
    inside: Inside, parameters: Callable[[Account], Mapping[str, str]]
) -> CloudFormationStacks:
    return CloudFormationStacks(
        inside.cloudformation,
        settings().required("PREFIX"),
        template=_template,
        parameters=parameters,
        dynamodb=inside.dynamodb,
        s3=inside.s3,
    )


def _template(_account: Account) -> str:
    return (Path(settings().text("LAMBDA_TASK_ROOT", ".")) / _TEMPLATE).read_text()


def _parameters(account: Account, external: str) -> dict[str, str]:
    prefix = settings().required("PREFIX")
    return {
        "Name": Names.of(prefix, account).own,
        "TenantId": account.tenant_id,
        "AccountId": account.account_id,
        "Deployment": prefix,
        "Protected": "true" if settings().text("STAGE") == "prod" else "false",
        "Capacity": account.options.capacity,
        "PlatformRoleArn": settings().required("TENANT_DATA_ROLE_ARN"),
        "ExternalId": external,
        "EntranceBus": settings().required("ENTRANCE_BUS_ARN"),
        "LogRetentionDays": settings().text("LOG_RETENTION_DAYS", "30"),
        "MonthlyBudget": settings().text("DEDICATED_MONTHLY_BUDGET", "0"),
        "BudgetEmail": settings().text("DEDICATED_BUDGET_EMAIL"),
    }


def seen_inside(account: Account) -> Seeing | None:
    """What there is in the organisation's own AWS account, as its administrator sees it; None of
    one that is closed."""
    name = Names.of(settings().required("PREFIX"), account).own
    credentials = entered(vendor(), account, Errand(Purpose.LOOKING, name))
    if credentials is None:
        return None
    own = _keys(credentials)
    return Seeing(
        cloudformation=boto3.client("cloudformation", **own),
        dynamodb=boto3.client("dynamodb", **own),
        s3=boto3.client("s3", **own),
        tags=boto3.client("resourcegroupstaggingapi", **own),
        kms=boto3.client("kms", **own),
    )


def _inside(credentials: Credentials) -> Inside:
    own = _keys(credentials)
    return Inside(
        cloudformation=boto3.client("cloudformation", **own),
        dynamodb=boto3.client("dynamodb", **own),
        s3=boto3.client("s3", **own),
        cloudtrail=boto3.client("cloudtrail", **own),
        config=boto3.client("config", **own),
        guardduty=boto3.client("guardduty", **own),
        iam=boto3.client("iam", **own),
    )


def _keys(credentials: Credentials) -> dict[str, Any]:
    return {
        "config": CONFIG,
        "aws_access_key_id": credentials.access_key_id,
        "aws_secret_access_key": credentials.secret_access_key,
        "aws_session_token": credentials.session_token,
    }


def _report_number(what: str, aws_account_id: str) -> None:
    logger.error(what, aws=aws_account_id)
    metrics.add_metric("OperationsStuck", MetricUnit.Count, 1)


def _report(what: str, account: Account) -> None:
    """Counted too, since it has an alarm."""
    logger.error(
        what, tenant_id=account.tenant_id, account_id=account.account_id, aws=account.aws_account_id
    )
    metrics.add_metric("OperationsStuck", MetricUnit.Count, 1)
