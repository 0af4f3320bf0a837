"""An AWS account of an organisation's own lets in the platform, and only with its external id.

"Access to AWS accounts owned by third parties", IAM user guide:
https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_common-scenarios_third-party.html
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tenantry.accounts.vending import Errand, Purpose
from tenantry.accounts.vendors.errands import boundary, policy

STACK = Path(__file__).parents[3] / "stacks/dedicated-account-baseline.yaml"
PLATFORM = "000000000000"
MANAGEMENT = {"aws_access_key_id": "333333333333", "aws_secret_access_key": "test"}
RIGHT, ANOTHERS = "r" * 40, "a" * 40


class Worlds:
    """A platform, and the account of one tenant with its baseline."""

    def __init__(self, client: Any, until: Any, name: str) -> None:
        self.client = client
        self.until = until
        self.name = f"{name}-t1"
        self.account = self._make_account(name)
        self.deployment = name
        self.reader = self._platform_role(f"{name}-reader")
        self.stranger = self._platform_role(f"{name}-stranger")
        self.bus = client("events").create_event_bus(Name=name)["EventBusArn"]
        self.root = self._administrator()
        self.sets_up = self._administrator(Purpose.SETTING_UP)
        self._deploy()

    @property
    def platform_role(self) -> str:
        return f"arn:aws:iam::{self.account}:role/{self.deployment}-platform"

    def enter(self, keys: dict[str, str], **external: str) -> dict[str, str]:
        return self._keys(
            self.client("sts", **keys).assume_role(
                RoleArn=self.platform_role, RoleSessionName="tenant-t1", **external
            )
        )

    def _administrator(self, purpose: Purpose | None = None) -> dict[str, str]:
        """Narrowed to an errand, as the platform's sessions are."""
        errand = Errand(purpose, self.name) if purpose else None
        said = policy(errand, "aws", self.account, self.deployment) if errand else ""
        return self._keys(
            self.client("sts", **MANAGEMENT).assume_role(
                RoleArn=f"arn:aws:iam::{self.account}:role/OrganizationAccountAccessRole",
                RoleSessionName="setting-up",
                **({"Policy": said} if said else {}),
            )
        )

    def _make_account(self, name: str) -> str:
        organizations = self.client("organizations", **MANAGEMENT)
        status = organizations.create_account(Email=f"{name}@example.com", AccountName=name)
        request = status["CreateAccountStatus"]["Id"]

        def made() -> str | None:
            answer = organizations.describe_create_account_status(CreateAccountRequestId=request)
            account: str | None = answer["CreateAccountStatus"].get("AccountId")
            return account

        return str(self.until(made))

    def _platform_role(self, name: str) -> dict[str, str]:
        trust = _allow("sts:AssumeRole", Principal={"AWS": f"arn:aws:iam::{PLATFORM}:root"})
        iam = self.client("iam")
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
        allowed = _allow("sts:AssumeRole", Resource="arn:aws:iam::*:role/*-platform")
        iam.put_role_policy(RoleName=name, PolicyName="enters", PolicyDocument=allowed)
        arn = f"arn:aws:iam::{PLATFORM}:role/{name}"
        return self._keys(self.client("sts").assume_role(RoleArn=arn, RoleSessionName="platform"))

    def _deploy(self) -> None:
        given = {
            "Name": self.name,
            "TenantId": "t1",
            "AccountId": "a1",
            "Deployment": self.deployment,
            "PlatformRoleArn": f"arn:aws:iam::{PLATFORM}:role/{self.deployment}-reader",
            "ExternalId": RIGHT,
            "EntranceBus": self.bus,
            "MakesTrail": "false",
            "MakesRecorder": "false",
            "MakesDetector": "false",
        }
        cloudformation = self.client("cloudformation", **self.sets_up)
        cloudformation.create_stack(
            StackName=self.name,
            TemplateBody=STACK.read_text(),
            Capabilities=["CAPABILITY_NAMED_IAM"],
            Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in given.items()],
        )
        cloudformation.get_waiter("stack_create_complete").wait(
            StackName=self.name, WaiterConfig={"Delay": 1}
        )

    @staticmethod
    def _keys(answer: dict[str, Any]) -> dict[str, str]:
        keys = answer["Credentials"]
        return {
            "aws_access_key_id": keys["AccessKeyId"],
            "aws_secret_access_key": keys["SecretAccessKey"],
            "aws_session_token": keys["SessionToken"],
        }


def _allow(action: str, **rest: Any) -> str:
    return json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, **rest}]}
    )


@pytest.fixture(scope="module")
def worlds(client: Any, until: Any) -> Worlds:
    return Worlds(client, until, "baseline")


def test_the_platform_enters_with_the_external_id(worlds: Worlds) -> None:
    keys = worlds.enter(worlds.reader, ExternalId=RIGHT)

    identity = worlds.client("sts", **keys).get_caller_identity()
    assert identity["Account"] == worlds.account


@pytest.mark.parametrize(
    "external",
    [{}, {"ExternalId": "w" * 40}, {"ExternalId": ANOTHERS}, {"ExternalId": RIGHT[:-1]}],
    ids=["none", "wrong", "another tenant's", "cut short"],
)
def test_it_is_refused_with_any_other(worlds: Worlds, external: dict[str, str]) -> None:
    with pytest.raises(ClientError) as refused:
        worlds.enter(worlds.reader, **external)
    assert refused.value.response["Error"]["Code"] == "AccessDenied"


def test_nobody_else_enters_with_the_right_one(worlds: Worlds) -> None:
    root = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    for keys in (worlds.stranger, root, MANAGEMENT):
        with pytest.raises(ClientError) as refused:
            worlds.enter(keys, ExternalId=RIGHT)
        assert refused.value.response["Error"]["Code"] == "AccessDenied"


def test_the_role_reaches_the_data_and_nothing_else(worlds: Worlds) -> None:
    keys = worlds.enter(worlds.reader, ExternalId=RIGHT)

    worlds.client("s3", **keys).put_object(Bucket=f"{worlds.name}-raw", Key="t1/x", Body=b"1")
    for service, call, given in (
        ("dynamodb", "scan", {"TableName": worlds.name}),
        ("dynamodb", "delete_table", {"TableName": worlds.name}),
        ("s3", "put_object", {"Bucket": f"{worlds.name}-failures", "Key": "t1/x", "Body": b"1"}),
        ("iam", "list_roles", {}),
    ):
        with pytest.raises(ClientError) as refused:
            getattr(worlds.client(service, **keys), call)(**given)
        assert "AccessDenied" in refused.value.response["Error"]["Code"], call


def test_the_external_id_is_told_to_nobody(worlds: Worlds) -> None:
    cloudformation = worlds.client("cloudformation", **worlds.sets_up)
    described = json.dumps(
        [
            cloudformation.describe_stacks(StackName=worlds.name)["Stacks"],
            cloudformation.describe_stack_events(StackName=worlds.name)["StackEvents"],
        ],
        default=str,
    )
    assert RIGHT not in described


# the boundary


def assumable_by(account: str) -> str:
    return _allow("sts:AssumeRole", Principal={"AWS": f"arn:aws:iam::{account}:root"})


def test_who_sets_it_up_gives_no_rights_itself(worlds: Worlds) -> None:
    """CloudFormation does for it; what that may do in its name `test_errands.py` tells."""
    iam = worlds.client("iam", **worlds.sets_up)
    limit = boundary("aws", worlds.account, worlds.deployment)
    everything = _allow("*", Resource="*")
    refused: list[tuple[str, dict[str, str]]] = [
        ("create_role", {"RoleName": "x", "AssumeRolePolicyDocument": "{}"}),
        ("create_policy", {"PolicyName": "another-boundary", "PolicyDocument": everything}),
        ("create_policy_version", {"PolicyArn": limit, "PolicyDocument": everything}),
        ("delete_policy", {"PolicyArn": limit}),
        ("delete_role_permissions_boundary", {"RoleName": f"{worlds.deployment}-platform"}),
        ("create_user", {"UserName": "loose"}),
    ]
    for operation, given in refused:
        with pytest.raises(ClientError, match="AccessDenied"):
            getattr(iam, operation)(**given)
    with pytest.raises(ClientError, match="AccessDenied"):
        iam.create_role(RoleName="x", AssumeRolePolicyDocument="{}", PermissionsBoundary=limit)


def test_who_set_it_up_neither_changes_its_stack_nor_makes_another(worlds: Worlds) -> None:
    cloudformation = worlds.client("cloudformation", **worlds.sets_up)
    for operation in ("update_stack", "delete_stack"):
        with pytest.raises(ClientError, match="AccessDenied"):
            getattr(cloudformation, operation)(StackName=worlds.name)
    with pytest.raises(ClientError, match="AccessDenied"):
        cloudformation.create_stack(StackName="another", TemplateBody=STACK.read_text())


def test_every_role_that_was_made_lies_behind_the_boundary(worlds: Worlds) -> None:
    iam = worlds.client("iam", **worlds.root)
    made = {each["RoleName"] for each in iam.list_roles()["Roles"]} - {
        "OrganizationAccountAccessRole"
    }
    assert made == {f"{worlds.deployment}-{name}" for name in ("platform", "forwarder", "alarms")}
    for name in made:
        found = iam.get_role(RoleName=name)["Role"]["PermissionsBoundary"]
        assert found["PermissionsBoundaryArn"].endswith(f"/{worlds.deployment}-boundary")


def test_behind_it_nobody_does_more_whatever_their_policy_says(worlds: Worlds) -> None:
    """A role that may do all there is reaches the tenant's data, and nothing else."""
    iam = worlds.client("iam", **worlds.root)
    iam.create_role(
        RoleName="all",
        AssumeRolePolicyDocument=assumable_by(worlds.account),
        PermissionsBoundary=boundary("aws", worlds.account, worlds.deployment),
    )
    everything = _allow("*", Resource="*")
    iam.put_role_policy(RoleName="all", PolicyName="all", PolicyDocument=everything)
    arn = f"arn:aws:iam::{worlds.account}:role/all"
    keys = worlds._keys(
        worlds.client("sts", **worlds.root).assume_role(RoleArn=arn, RoleSessionName="all")
    )

    worlds.client("dynamodb", **keys).get_item(
        TableName=worlds.name, Key={"PK": {"S": "ORG#t1"}, "SK": {"S": "x"}}
    )
    worlds.client("s3", **keys).list_objects_v2(Bucket=f"{worlds.name}-raw")
    refused: list[tuple[str, str, dict[str, str]]] = [
        ("dynamodb", "scan", {"TableName": worlds.name}),
        ("dynamodb", "delete_table", {"TableName": worlds.name}),
        ("s3", "list_buckets", {}),
        ("iam", "list_users", {}),
        ("sts", "assume_role", {"RoleArn": arn, "RoleSessionName": "again"}),
    ]
    for service, operation, given in refused:
        with pytest.raises(ClientError, match="AccessDenied"):
            getattr(worlds.client(service, **keys), operation)(**given)
