"""What watches organisations' own AWS accounts, by a stack set: the same as by their baseline."""

from typing import Any

import pytest
from cfnlint.api import lint, lint_file
from cfnlint.config import ManualArgs

from tests.infrastructure.templates import ROOT, Json, parse

PATH = ROOT / "stacks/dedicated-account-stackset.yaml"
SET: Json = parse("stackset", PATH.read_text()).body["Resources"]["Watchers"]["Properties"]
INSIDE = parse("inside", SET["TemplateBody"])
BASELINE = parse("dedicated", (ROOT / "stacks/dedicated-account-baseline.yaml").read_text())
LARGEST = 51_200
"""Bytes of a template that a stack set takes as text."""


def test_cfn_lint_is_clean_outside_and_inside() -> None:
    arguments = ManualArgs(regions=["eu-central-1"])
    assert [str(match) for match in lint_file(PATH, arguments)] == []
    assert [str(match) for match in lint(SET["TemplateBody"], ["eu-central-1"])] == []


def test_it_makes_no_role_but_the_one_that_aws_keeps_for_its_recorder() -> None:
    made = {each["Type"] for _, each in INSIDE.resources() if each["Type"].startswith("AWS::IAM")}
    assert made == {"AWS::IAM::ServiceLinkedRole"}
    assert SET["Capabilities"] == ["CAPABILITY_NAMED_IAM"]


def test_it_is_small_enough_to_be_sent_as_text() -> None:
    assert len(PATH.read_bytes()) < LARGEST


def test_an_account_that_enters_the_unit_gets_it_and_one_that_leaves_keeps_it() -> None:
    assert SET["PermissionModel"] == "SERVICE_MANAGED"
    assert SET["AutoDeployment"] == {"Enabled": True, "RetainStacksOnAccountRemoval": True}
    (group,) = SET["StackInstancesGroup"]
    assert group["DeploymentTargets"] == {"OrganizationalUnitIds": [{"Ref": "TenantsUnit"}]}


def test_all_its_parameters_are_given() -> None:
    given = {each["ParameterKey"]: each["ParameterValue"] for each in SET["Parameters"]}

    assert given == {name: {"Ref": name} for name in INSIDE.body["Parameters"]}


def test_it_has_all_of_the_baseline_that_is_conditional_on_watching() -> None:
    watching = {"Records", "MakesTrail", "MakesRecorder", "MakesRecorderRole", "MakesDetector"}
    conditional = {n for n, r in BASELINE.resources() if r.get("Condition") in watching}

    assert set(INSIDE.body["Resources"]) == conditional


@pytest.mark.parametrize("name", INSIDE.body["Resources"])
def test_what_it_makes_is_what_the_baseline_makes(name: str) -> None:
    own, baseline = (_plain(each.body["Resources"][name]) for each in (INSIDE, BASELINE))

    # Names, and whether a bucket outlives its stack, differ on purpose.
    for resource in (own, baseline):
        resource["Properties"].pop("BucketName", None)
        resource.pop("DeletionPolicy", None)
    assert own == baseline


def _plain(resource: Json) -> Json:
    """Without tags, and with the name that a deployment's have."""

    def plain(value: Any) -> Any:
        match value:
            case {"Ref": "Name"}:
                return {"Ref": "Deployment"}
            case dict():
                return {key: plain(each) for key, each in value.items() if key != "Tags"}
            case list():
                return [plain(each) for each in value]
        return value

    found: Json = plain(resource)
    return found
