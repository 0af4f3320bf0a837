"""The end of an AWS account of an organisation's own: nothing of the tenant stays, here or there.

Rows 12 and 27: whatever task stops after whatever call, it comes to the same end; twenty other
tenants are byte for byte as they were; what somebody plants is found. The functions run in this
process, on the local cloud.
"""

import json
from dataclasses import replace
from typing import Any

import pytest

from tenantry.accounts.bootstrap.api import account_service
from tenantry.accounts.bootstrap.ledger import accounts
from tenantry.accounts.model import Account, Names, OperationStatus
from tenantry.errors import TenantryError
from tenantry.persistence.table import Table
from tenantry.tenancy.caller import Caller
from tenantry.tenancy.roles import OPERATOR_GROUP
from tests.contracts.accounts.test_vendors import LocalWorld
from tests.integration.accounts.provisioned import (
    Provisioned,
    active,
    goes_on,
    provisioned,
    torn_down,
    vendor,
)
from tests.integration.accounts.test_stopped_anywhere import stopped_everywhere
from tests.support.fakes.organizations import FakeOperators
from tests.support.state_machine import TaskError
from tests.support.tables import items

__all__ = ["provisioned", "vendor"]

OPERATOR = Caller(user_id="root", groups=frozenset({OPERATOR_GROUP}))
OTHERS = [f"other-{number:02}" for number in range(20)]
SHARED = ("shared-raw", "shared-processed", "exports")
# What outlives an account in the administration; typed here.
STAYS = {"ACCOUNT", "ORGANIZATION"}
STOPS = 60
"""So many there are at least."""


class Estate:
    """Everything that tenants have: Acme in an AWS account of its own, twenty others in common."""

    def __init__(self, provisioned: Provisioned, vendor: LocalWorld, tenants: Table) -> None:
        self.provisioned, self.vendor = provisioned, vendor
        self.tables = [provisioned.table, tenants]
        self.prefix, self.cloud = provisioned.prefix, provisioned.cloud
        self.s3, self.ssm = self.cloud.client("s3"), self.cloud.client("ssm")
        self.cognito = self.cloud.client("cognito-idp")
        pools = self.cognito.list_user_pools(MaxResults=60)["UserPools"]
        (self.pool,) = [each["Id"] for each in pools if each["Name"] == self.prefix]
        for tenant_id in OTHERS:
            self.fill(tenant_id, f"a-{tenant_id}")
        self.account = active(provisioned)
        self.fill("acme", self.account.account_id)
        self.names = Names.of(self.prefix, self.account)
        self.inside: list[str] | None = None
        """What was in its AWS account when that was given up; nobody looks into a closed one."""
        self.there("dynamodb").put_item(
            TableName=self.names.table, Item={"PK": {"S": "ORG#acme"}, "SK": {"S": "THING#1"}}
        )
        for name in (self.names.raw, self.names.processed):
            for body in (b"one", b"two"):
                self.there("s3").put_object(Bucket=name, Key="acme/file", Body=body)

    def there(self, service: str) -> Any:
        """As root of the organisation's own account."""
        number = self.account.aws_account_id
        assert number
        keys = {"aws_access_key_id": number, "aws_secret_access_key": "test"}
        return self.cloud.client(service, keys)

    def watch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Look inside before each task that takes the AWS account out of what governs it, and have
        failures told as Lambda tells them."""
        invoke = self.provisioned._invoke

        def watched(name: str, payload: Any) -> Any:
            if "Release" in name:
                tables = self.there("dynamodb").list_tables()["TableNames"]
                buckets = [each["Name"] for each in self.there("s3").list_buckets()["Buckets"]]
                left = (*tables, *buckets)
                self.inside = [each for each in left if each.startswith(self.names.own)]
            try:
                return invoke(name, payload)
            except TenantryError as error:
                said = {"errorMessage": str(error), "errorType": type(error).__name__}
                raise TaskError(type(error).__name__, json.dumps(said)) from error

        monkeypatch.setattr(self.provisioned, "_invoke", watched)

    def fill(self, tenant_id: str, account_id: str) -> None:
        platform, tenants = self.tables
        for sk in ("THING#1", "THING#2"):
            tenants.put({"PK": f"ORG#{tenant_id}", "SK": sk, "is": tenant_id})
        platform.put({"PK": f"ORG#{tenant_id}", "SK": "USAGE", "tenant_id": tenant_id})
        for bucket in SHARED:
            self.s3.put_object(
                Bucket=f"{self.prefix}-{bucket}", Key=f"{tenant_id}/file", Body=tenant_id.encode()
            )
        tree = Names(self.prefix, account_id).tree
        self.ssm.put_parameter(Name=f"{tree}/more", Value=tenant_id, Type="String")
        self.cognito.create_user_pool_client(
            UserPoolId=self.pool, ClientName=Names(self.prefix, account_id).technical_user(9)
        )

    def of(self, tenant_id: str, account_id: str) -> dict[str, Any]:
        """All that a tenant has in common places, to the byte."""
        objects = {}
        for bucket in SHARED:
            page = self.s3.list_object_versions(
                Bucket=f"{self.prefix}-{bucket}", Prefix=f"{tenant_id}/"
            )
            for each in page.get("Versions", []):
                objects[bucket, each["Key"], each["VersionId"]] = each["ETag"]
        tree = self.ssm.get_parameters_by_path(
            Path=Names(self.prefix, account_id).tree, Recursive=True
        )
        clients = self.cognito.list_user_pool_clients(UserPoolId=self.pool, MaxResults=60)
        begins = Names(self.prefix, account_id).technical_user()
        return {
            "rows": [
                row
                for table in self.tables
                for row in items(table._client, table.name)
                if row["PK"]["S"] == f"ORG#{tenant_id}"
                or row["PK"]["S"].startswith(f"ORG#{tenant_id}#")
            ],
            "objects": objects,
            "parameters": {each["Name"]: each["Value"] for each in tree["Parameters"]},
            "clients": {
                each["ClientId"]
                for each in clients["UserPoolClients"]
                if each["ClientName"].startswith(begins)
            },
        }

    def others(self) -> dict[str, Any]:
        return {each: self.of(each, f"a-{each}") for each in OTHERS}


@pytest.fixture
def estate(provisioned: Provisioned, vendor: LocalWorld, ministack_tenant_table: Table) -> Estate:
    return Estate(provisioned, vendor, ministack_tenant_table)


def nothing_is_left(estate: Estate, account: Account) -> None:
    left = estate.of("acme", account.account_id)
    assert {row["SK"]["S"] for row in left.pop("rows")} <= STAYS
    assert not any(left.values()), left
    number = account.aws_account_id
    assert number
    organizations = estate.vendor.management("organizations")
    assert organizations.describe_account(AccountId=number)["Account"]["Status"] == "SUSPENDED"
    assert estate.vendor.unit_of(number) == estate.vendor.settings.quarantine_unit
    assert estate.inside == []
    ended = accounts().get(account.account_id)
    assert ended
    assert ended.status == "deleted"


@pytest.mark.figures
def test_tasks_that_stop_at_every_call_leave_nothing_and_touch_nobody_else(
    estate: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = estate.others()
    had = estate.of("acme", estate.account.account_id)
    assert all(had.values()), had
    stops = stopped_everywhere(estate.provisioned, monkeypatch)
    estate.watch(monkeypatch)

    operation = torn_down(estate.provisioned, estate.account)

    assert operation.status is OperationStatus.SUCCEEDED, operation
    assert stops.total() > STOPS, stops
    nothing_is_left(estate, estate.account)
    assert estate.others() == before


def test_what_is_planted_there_or_here_stops_the_end_until_it_is_gone(
    estate: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = estate.others()
    invoke, planted = estate.provisioned._invoke, list[str]()
    bucket = f"{estate.names.own}-leftover"

    def plants(name: str, payload: Any) -> Any:
        if "Inventory" in name and not planted:
            planted.append(bucket)
            region = {"LocationConstraint": estate.cloud.region}
            estate.there("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration=region)
            estate.tables[1].put({"PK": "ORG#acme#ODD", "SK": "LATE"})
        return invoke(name, payload)

    monkeypatch.setattr(estate.provisioned, "_invoke", plants)
    estate.watch(monkeypatch)
    stands = torn_down(estate.provisioned, estate.account)

    assert (stands.status, stands.error_code) == (OperationStatus.FAILED, "LEFTOVERS"), stands
    assert bucket in stands.error
    assert "ODD" in stands.error
    number = estate.account.aws_account_id
    assert number
    open_still = estate.vendor.management("organizations").describe_account(AccountId=number)
    assert open_still["Account"]["Status"] == "ACTIVE"

    estate.there("s3").delete_bucket(Bucket=bucket)
    estate.tables[1].delete({"PK": "ORG#acme#ODD", "SK": "LATE"})
    # Nobody of the organisation is left to retry it.
    service = replace(account_service(), operators=FakeOperators())
    service.retry(OPERATOR, estate.account.account_id, as_operator=True, reason="cleaned")
    operation = goes_on(estate.provisioned)

    assert operation.status is OperationStatus.SUCCEEDED, operation
    nothing_is_left(estate, estate.account)
    assert estate.others() == before
