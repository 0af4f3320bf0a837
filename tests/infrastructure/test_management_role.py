"""The role in the management account: who may assume it, and that it may what the vendors call."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from cfnlint.api import lint_file
from cfnlint.config import ManualArgs

from tests.infrastructure.templates import ROOT, Json, as_list, parse

PATH = ROOT / "stacks/management-account-role.yaml"
RESOURCES: dict[str, Json] = parse("management", PATH.read_text()).body["Resources"]
VENDORS = ROOT / "layers/tenantry/tenantry/accounts/vendors"
CALLS = {"_called", "_asked", "_pages"}
"""By which the adapters call an operation that they name."""
IN_ACCOUNTS = "sts:AssumeRole"


def statements(name: str) -> list[Json]:
    properties = RESOURCES[name]["Properties"]
    policies = properties.get("Policies") or [properties]
    return [each for policy in policies for each in policy["PolicyDocument"]["Statement"]]


def allowed(*names: str) -> set[str]:
    return {
        action
        for name in names
        for statement in statements(name)
        for action in as_list(statement["Action"])
    }


def called(path: Path) -> Iterator[str]:
    """The operations that an adapter names, as actions."""
    service = "servicecatalog" if path.stem == "control_tower" else "organizations"
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Call(
                func=ast.Attribute(attr=name), args=[ast.Constant(value=str(operation)), *_]
            ) if name in CALLS:
                yield f"{service}:{''.join(each.capitalize() for each in operation.split('_'))}"


def test_cfn_lint_is_clean() -> None:
    arguments = ManualArgs(regions=["us-east-1"])
    assert [str(match) for match in lint_file(PATH, arguments)] == []


def test_it_trusts_roles_of_the_deployment_with_the_external_id_alone() -> None:
    (statement,) = RESOURCES["Vendor"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]

    assert statement["Action"] == "sts:AssumeRole"
    assert statement["Principal"] == {
        "AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${PlatformAccountId}:root"}
    }
    assert statement["Condition"] == {
        "StringEquals": {"sts:ExternalId": {"Ref": "ExternalId"}},
        "ArnLike": {
            "aws:PrincipalArn": {
                "Fn::Sub": "arn:${AWS::Partition}:iam::${PlatformAccountId}:role/${Deployment}-*"
            }
        },
    }


def test_with_organizations_it_may_what_that_vendor_calls_and_enter_accounts() -> None:
    organizations = set(called(VENDORS / "organizations.py"))

    assert allowed("Vendor", "MakesAccounts") == organizations | {IN_ACCOUNTS}


def test_with_the_factory_it_may_what_that_vendor_calls_too() -> None:
    factory = set(called(VENDORS / "control_tower.py"))
    used = {a for a in allowed("UsesTheFactory") if a.startswith("servicecatalog:")}

    assert used == factory


def test_no_action_is_a_pattern() -> None:
    actions = allowed("Vendor", "MakesAccounts", "UsesTheFactory")
    assert {action for action in actions if "*" in action} == set()


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("MakesAccounts", "OrganizationAccountAccessRole"),
        ("UsesTheFactory", "AWSControlTowerExecution"),
    ],
)
def test_it_enters_accounts_by_their_access_role_alone(name: str, role: str) -> None:
    entered = [s["Resource"] for s in statements(name) if IN_ACCOUNTS in as_list(s["Action"])]

    assert entered == [{"Fn::Sub": f"arn:${{AWS::Partition}}:iam::*:role/{role}"}]


def test_each_deployment_names_its_stack_like_its_prefix() -> None:
    """Roles that CloudFormation names begin with the stack's, and are trusted by the prefix."""
    stages = tomllib.loads((ROOT / "samconfig.toml").read_text())
    for stage in ("dev", "staging", "prod"):
        deploy = stages[stage]["deploy"]["parameters"]
        given = dict(each.split("=", 1) for each in deploy["parameter_overrides"] if "=" in each)
        assert stages[stage]["global"]["parameters"]["stack_name"] == given["Prefix"], stage
