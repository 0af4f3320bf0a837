"""Removing a stack whose buckets cannot be emptied."""

from typing import Any

import pytest

from tenantry.accounts.cloudformation import CloudFormationStacks
from tenantry.errors import StackFailedError
from tests.support.accounts import account


class Locked:
    """S3 with an object that is locked: told in an answer of success."""

    def __init__(self) -> None:
        self.asked = 0

    def list_object_versions(self, **_request: Any) -> Any:
        return {"Versions": [{"Key": "acme/file", "VersionId": "v-1"}]}

    def delete_objects(self, **_request: Any) -> Any:
        self.asked += 1
        assert self.asked < 10, "it goes on for ever"
        return {"Errors": [{"Key": "acme/file", "VersionId": "v-1", "Code": "AccessDenied"}]}


class Made:
    def describe_stacks(self, **_request: Any) -> Any:
        return {"Stacks": [{"StackStatus": "CREATE_COMPLETE"}]}


def test_an_object_that_cannot_be_deleted_stops_it_at_once_with_the_code() -> None:
    s3: Any = Locked()
    cloudformation: Any = Made()
    stacks = CloudFormationStacks(cloudformation, "tenantry", s3=s3)

    with pytest.raises(StackFailedError, match="AccessDenied"):
        stacks.remove(account())

    assert s3.asked == 1
