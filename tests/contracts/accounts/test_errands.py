"""What a session in an organisation's own AWS account may do, decided by IAM of the local cloud.

The role itself is an administrator: what is refused, the session's policy refuses. What
CloudFormation asks for in a session's name says so in `aws:CalledVia...`, which the local cloud
never supplies and which is given to its decision here ("AWS global condition context keys", IAM
user guide; "Forward access sessions requests", CloudFormation user guide).
"""

import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ministack.core.iam_evaluator import EvalContext, evaluate, parse_policy_document

from tenantry.accounts.vending import Errand, Purpose
from tenantry.accounts.vendors.errands import LARGEST, policy

ACCOUNT, DEPLOYMENT, NAME = "300000000001", "tenantry", "tenantry-acme"
IAM = f"arn:aws:iam::{ACCOUNT}"
ROLE, BOUNDARY = f"{IAM}:role/tenantry-platform", f"{IAM}:policy/tenantry-boundary"
STACK = f"arn:aws:cloudformation:eu-central-1:{ACCOUNT}:stack/{NAME}/1"
TABLE = f"arn:aws:dynamodb:eu-central-1:{ACCOUNT}:table/{NAME}"
HELD = {"iam:permissionsboundary": BOUNDARY}
SETS_UP, LOOKS, ENDS = Purpose.SETTING_UP, Purpose.LOOKING, Purpose.ENDING
ADMINISTRATOR = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


@dataclass(frozen=True)
class Row:
    """A request, and the sessions that may make it themselves or have CloudFormation make it."""

    action: str
    resource: str
    itself: set[Purpose] = field(default_factory=set)
    by_cloudformation: set[Purpose] = field(default_factory=set)
    keys: dict[str, str] = field(default_factory=dict)


NOBODY: set[Purpose] = set()
TABLE_OF_REQUESTS = [
    # rights are given by the stack that sets up, behind the one boundary
    *(
        Row(action, ROLE, NOBODY, {SETS_UP}, HELD)
        for action in (
            "iam:AttachRolePolicy",
            "iam:CreateRole",
            "iam:PutRolePermissionsBoundary",
            "iam:PutRolePolicy",
        )
    ),
    *(
        Row(action, ROLE, keys=keys)
        for action in ("iam:AttachRolePolicy", "iam:CreateRole", "iam:PutRolePolicy")
        for keys in (
            {},
            {"iam:permissionsboundary": f"{IAM}:policy/tenantry-another-boundary"},
            {"iam:permissionsboundary": f"{IAM}:policy/tenantry-recorder-boundary"},
            {"iam:permissionsboundary": f"{IAM}:policy/tenantry-boundary-2"},
            {"iam:permissionsboundary": "arn:aws:iam::aws:policy/AdministratorAccess"},
            {"iam:permissionsboundary": BOUNDARY.replace(ACCOUNT, "300000000002")},
        )
    ),
    Row("iam:CreateRole", f"{IAM}:role/loose", keys=HELD),
    Row("iam:PutRolePolicy", f"{IAM}:role/OrganizationAccountAccessRole", keys=HELD),
    # the boundary itself
    Row("iam:CreatePolicy", BOUNDARY, NOBODY, {SETS_UP}),
    Row("iam:CreatePolicy", f"{IAM}:policy/tenantry-another-boundary"),
    Row("iam:CreatePolicy", f"{IAM}:policy/other"),
    Row("iam:CreatePolicyVersion", BOUNDARY),
    Row("iam:SetDefaultPolicyVersion", BOUNDARY),
    Row("iam:DeletePolicy", BOUNDARY, NOBODY, {ENDS}),
    Row("iam:DeletePolicyVersion", BOUNDARY, NOBODY, {ENDS}),
    Row("iam:DeletePolicy", f"{IAM}:policy/other"),
    Row("iam:DeleteRolePermissionsBoundary", ROLE, NOBODY, {ENDS}, HELD),
    Row("iam:DeleteRole", ROLE, NOBODY, {ENDS}),
    Row("iam:DeleteRole", f"{IAM}:role/OrganizationAccountAccessRole"),
    # nobody else is let in who would have none
    *(
        Row(action, "*")
        for action in (
            "iam:AddUserToGroup",
            "iam:CreateAccessKey",
            "iam:CreateGroup",
            "iam:CreateLoginProfile",
            "iam:CreateSAMLProvider",
            "iam:CreateOpenIDConnectProvider",
            "iam:CreateUser",
            "organizations:LeaveOrganization",
            "sts:AssumeRole",
        )
    ),
    Row("iam:UpdateAssumeRolePolicy", ROLE, keys=HELD),
    # its stack, and no other
    Row("cloudformation:CreateStack", STACK, {SETS_UP}),
    Row("cloudformation:DeleteStack", STACK, {ENDS}),
    Row("cloudformation:DescribeStacks", STACK, {SETS_UP, LOOKS, ENDS}),
    *(
        Row(action, STACK.replace(NAME, "other"))
        for action in ("cloudformation:CreateStack", "cloudformation:DeleteStack")
    ),
    *(
        Row(f"cloudformation:{action}", STACK)
        for action in (
            "CreateChangeSet",
            "ExecuteChangeSet",
            "RollbackStack",
            "SetStackPolicy",
            "UpdateStack",
            "UpdateTerminationProtection",
        )
    ),
    *(
        Row(f"cloudformation:{action}", "*")
        for action in (
            "CreateResource",
            "CreateStackSet",
            "DeleteResource",
            "RegisterType",
            "UpdateResource",
        )
    ),
    # what there is, and what is in it
    Row("dynamodb:CreateTable", TABLE, NOBODY, {SETS_UP, ENDS}),
    Row("dynamodb:UpdateTable", TABLE, {ENDS}, {SETS_UP, ENDS}),
    Row("dynamodb:UpdateTable", f"{TABLE}-2", NOBODY, {SETS_UP, ENDS}),
    Row("dynamodb:GetItem", TABLE, NOBODY, {SETS_UP, ENDS}),
    Row("dynamodb:ListTables", "*", {LOOKS}, {SETS_UP, LOOKS, ENDS}),
    Row("s3:GetObject", f"arn:aws:s3:::{NAME}-raw/x", NOBODY, {SETS_UP, ENDS}),
    Row("s3:DeleteObjectVersion", f"arn:aws:s3:::{NAME}-raw/x", {ENDS}, {SETS_UP, ENDS}),
    Row("s3:ListBucketVersions", f"arn:aws:s3:::{NAME}-raw", {ENDS}, {SETS_UP, ENDS}),
    Row("s3:ListBucketVersions", "arn:aws:s3:::other", NOBODY, {SETS_UP, ENDS}),
    Row("s3:DeleteObjectVersion", "arn:aws:s3:::other/x", NOBODY, {SETS_UP, ENDS}),
    Row("s3:PutBucketPolicy", f"arn:aws:s3:::{NAME}-raw", NOBODY, {SETS_UP, ENDS}),
    Row("kms:Decrypt", "*", NOBODY, {SETS_UP, ENDS}),
    Row("lambda:CreateFunction", "*", NOBODY, {SETS_UP, ENDS}),
    Row("lambda:InvokeFunction", "*", NOBODY, {SETS_UP, ENDS}),
    Row("ec2:RunInstances", "*"),
    Row("secretsmanager:GetSecretValue", "*"),
    # a role is handed to services of the stack; it lies behind the boundary, or is AWS's own
    Row("iam:PassRole", ROLE, {SETS_UP}),
    Row("iam:PassRole", f"{IAM}:role/OrganizationAccountAccessRole"),
]
"""Itself means by CloudFormation too: the key being there takes nothing away."""

VIA = {"aws:calledviafirst": "cloudformation.amazonaws.com"}
VIA_OTHERS = {"aws:calledviafirst": "athena.amazonaws.com"}


def document(purpose: Purpose) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(policy(Errand(purpose, NAME), "aws", ACCOUNT, DEPLOYMENT))
    return said


def lets(said: dict[str, Any], row: Row, via: dict[str, str]) -> bool:
    asked = EvalContext(
        principal_arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/OrganizationAccountAccessRole/vendor",
        principal_type="AssumedRole",
        principal_account=ACCOUNT,
        action=row.action,
        resource_arn=row.resource,
        region="eu-central-1",
        service_context={**row.keys, **via},
    )
    role, session = ([parse_policy_document(each)] for each in (ADMINISTRATOR, said))
    return bool(evaluate(asked, role, session).decision == "Allow")


def wrong(said: dict[str, Any], purpose: Purpose) -> list[str]:
    """The rows of the table that a policy decides otherwise."""
    return [
        f"{row.action} on {row.resource} {row.keys or ''} {via or ''}"
        for row in TABLE_OF_REQUESTS
        for via, expected in (
            ({}, row.itself),
            (VIA_OTHERS, row.itself),
            (VIA, row.itself | row.by_cloudformation),
        )
        if lets(said, row, via) != (purpose in expected)
    ]


@pytest.mark.parametrize("purpose", Purpose)
def test_a_session_may_do_what_it_is_opened_for_and_nothing_else(purpose: Purpose) -> None:
    assert wrong(document(purpose), purpose) == []


def loosened(purpose: Purpose) -> Iterator[tuple[str, dict[str, Any]]]:
    """The policy without one of its conditions, or with one of its resources any."""
    said = document(purpose)
    for number, statement in enumerate(said["Statement"]):
        for key in statement.get("Condition", {}).get("StringEquals", {}):
            changed = json.loads(json.dumps(said))
            del changed["Statement"][number]["Condition"]["StringEquals"][key]
            yield f"{number} without {key}", changed
        if statement["Resource"] != "*":
            changed = json.loads(json.dumps(said))
            changed["Statement"][number]["Resource"] = "*"
            yield f"{number} on everything", changed


READS_ALONE = {"setting up: 4 without aws:CalledViaFirst", "setting up: 4 on everything"}
"""What would let nobody do more than read of roles."""


@pytest.mark.parametrize(
    ("purpose", "what", "said"),
    [
        pytest.param(purpose, what, said, id=f"{purpose}: {what}")
        for purpose in Purpose
        for what, said in loosened(purpose)
        if f"{purpose}: {what}" not in READS_ALONE
    ],
)
def test_without_any_of_its_limits_it_might_do_more(
    purpose: Purpose, what: str, said: dict[str, Any]
) -> None:
    assert wrong(said, purpose), f"no row of the table shows what {what} is there for"


@pytest.mark.parametrize(
    ("purpose", "partition"), [*itertools.product(Purpose, ["aws", "aws-us-gov", "aws-cn"])]
)
def test_the_longest_is_within_what_sts_takes(purpose: Purpose, partition: str) -> None:
    longest = policy(Errand(purpose, "n" * 53), partition, ACCOUNT, "d" * 24)

    assert len(longest) <= LARGEST


ACCOUNTS = Path(__file__).parents[3] / "layers/tenantry/tenantry/accounts"
ASKED = {
    "estate.py": {
        "cloudformation.describe_stacks": "cloudformation:DescribeStacks",
        "dynamodb.list_tables": "dynamodb:ListTables",
        "kms.describe_key": "kms:DescribeKey",
        "s3.list_buckets": "s3:ListAllMyBuckets",
        "tags.get_resources": "tag:GetResources",
    },
    "dedicated_stacks.py": {
        "cloudtrail.describe_trails": "cloudtrail:DescribeTrails",
        "config.describe_configuration_recorders": "config:DescribeConfigurationRecorders",
        "guardduty.list_detectors": "guardduty:ListDetectors",
    },
}
"""What the code asks the services of an organisation's own account, and the action that it takes.

What it asks of stacks, buckets and tables `test_stacks.py` does through sessions of each errand.
"""


@pytest.mark.parametrize(
    ("name", "purpose"), [("estate.py", LOOKS), ("dedicated_stacks.py", SETS_UP)]
)
def test_a_session_may_all_that_the_code_asks_with_it(name: str, purpose: Purpose) -> None:
    asked = set(re.findall(r"\b(?:there|inside)\.(\w+\.\w+)", (ACCOUNTS / name).read_text()))

    assert asked == ASKED[name].keys()
    for action in ASKED[name].values():
        assert lets(document(purpose), Row(action, "*"), {}), action
