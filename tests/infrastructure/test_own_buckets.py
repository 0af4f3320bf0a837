"""The stack of a public account's own buckets: as a private account's, and nothing else."""

from pathlib import Path

import pytest

from tests.infrastructure.templates import parse

ROOT = Path(__file__).parents[2]
BESIDE = parse("own", (ROOT / "stacks/own-buckets.yaml").read_text()).body
PRIVATE = parse("private", (ROOT / "stacks/private-account.yaml").read_text()).body


def test_it_makes_two_buckets_with_their_policies_and_nothing_that_costs_by_itself() -> None:
    kinds = sorted(each["Type"] for each in BESIDE["Resources"].values())
    assert kinds == ["AWS::S3::Bucket"] * 2 + ["AWS::S3::BucketPolicy"] * 2


@pytest.mark.parametrize("name", ["Raw", "RawPolicy", "Processed", "ProcessedPolicy"])
def test_each_is_as_a_private_accounts_but_for_the_key(name: str) -> None:
    """Versions, closed to the public, encrypted transport, what old versions cost, and labels."""
    own, private = BESIDE["Resources"][name], PRIVATE["Resources"][name]

    key = PRIVATE["Resources"]["Raw"]["Properties"]["BucketEncryption"][
        "ServerSideEncryptionConfiguration"
    ][0]["ServerSideEncryptionByDefault"]["KMSMasterKeyID"]
    assert repr(own).replace("{'Ref': 'KeyArn'}", repr(key)) == repr(private)


@pytest.mark.parametrize("name", ["Raw", "Processed"])
def test_each_is_labelled_and_goes_with_its_account(name: str) -> None:
    bucket = BESIDE["Resources"][name]
    labels = {each["Key"] for each in bucket["Properties"]["Tags"]}
    assert labels == {"tenant-id", "account-id", "deployment"}
    assert bucket["DeletionPolicy"] == "Delete"
    assert bucket["Properties"]["VersioningConfiguration"] == {"Status": "Enabled"}


def test_a_stack_that_a_move_makes_tells_nobody_where_things_are() -> None:
    conditional = {
        name
        for name, each in PRIVATE["Resources"].items()
        if each["Type"] == "AWS::SSM::Parameter" and each.get("Condition") == "TellsPlace"
    }
    assert conditional == {"TableParameter", "RawParameter", "ProcessedParameter"}
