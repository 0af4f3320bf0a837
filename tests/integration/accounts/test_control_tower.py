"""An AWS account of an organisation's own by Control Tower, from request to certificate.

The steps run as their functions do, with the adapter that the settings choose, on the local cloud:
a second deployment would show no more and take a minute.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tenantry.accounts.bootstrap.ending import teardown_service
from tenantry.accounts.bootstrap.ledger import accounts
from tenantry.accounts.certificate import Certificate
from tenantry.accounts.dynamodb import DynamoDBAccountRepository
from tenantry.accounts.line import Line
from tenantry.accounts.model import Account, OperationStatus
from tenantry.accounts.step_functions import execution_input
from tenantry.accounts.vending import State, VendorKind
from tenantry.messaging.stamp import Stamp
from tenantry.persistence.table import Table
from tenantry.runtime.identifiers import new_id, now
from tenantry.tenancy.caller import Caller
from tests.contracts.accounts.test_vendors import LocalWorld
from tests.integration.accounts.test_costs import ROOT, Provisioned, on_the_local_cloud
from tests.support.accounts import FakeExecutions
from tests.support.invocations import forget, wire
from tests.support.ministack import MiniStack
from tests.support.state_machine import StateMachine

TEARDOWN = json.loads((ROOT / "statemachines/teardown_account.asl.json").read_text())
ADA, BOB = (Caller(user_id=name, tenant_id="acme") for name in ("ada", "bob"))


@pytest.fixture
def tower(ministack: MiniStack) -> LocalWorld:
    return LocalWorld(ministack, VendorKind.CONTROL_TOWER)


@pytest.fixture
def provisioned(
    ministack: MiniStack,
    tower: LocalWorld,
    ministack_platform_table: Table,
    ministack_tenant_table: Table,
    ministack_audit_table: Table,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Provisioned]:
    tables = ministack_platform_table, ministack_tenant_table, ministack_audit_table
    yield from that_ends(ministack, tables, monkeypatch, tower)


def that_ends(
    ministack: MiniStack,
    tables: tuple[Table, Table, Table],
    monkeypatch: pytest.MonkeyPatch,
    vendor: LocalWorld,
) -> Iterator[Provisioned]:
    """With what a teardown needs beside."""
    for made in on_the_local_cloud(ministack, tables, monkeypatch, vendor):
        s3, prefix = ministack.client("s3"), vendor.settings.deployment
        for kind in ("archive", "exports"):
            s3.create_bucket(
                Bucket=f"{prefix}-{kind}",
                CreateBucketConfiguration={"LocationConstraint": ministack.region},
            )
        key = ministack.client("kms").create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
        pool = ministack.client("cognito-idp").create_user_pool(PoolName=prefix)["UserPool"]
        wire(
            monkeypatch,
            ARCHIVE_BUCKET=f"{prefix}-archive",
            ARCHIVE_DAYS="1",
            EXPORTS_BUCKET=f"{prefix}-exports",
            CERTIFICATE_KEY_ARN=key["KeyMetadata"]["Arn"],
            USER_POOL_ID=pool["Id"],
            TEARDOWN_GRACE_SECONDS="0",
        )
        yield made


def active(provisioned: Provisioned, kind: str = "dedicated") -> Account:
    provisioned.run(kind)
    found = accounts().of("acme")
    assert found
    return found


def torn_down(provisioned: Provisioned, account: Account) -> Any:
    """Asked for by one owner and approved by another; answers its operation."""
    table = provisioned.table
    ada = table.get({"PK": "ORG#acme", "SK": "MEMBER#ada"})
    assert ada
    table.put({**ada, "SK": "MEMBER#bob", "entity_id": "bob", "user_id": "bob"})
    service = teardown_service()
    plan = service.plan(ADA, account.account_id)
    waiting = service.request(ADA, account.account_id, plan=plan.hash).operation
    assert waiting
    service.approve(BOB, account.account_id, {"approvalId": waiting.approval_id})
    executions = FakeExecutions()
    Line(DynamoDBAccountRepository(table, 5), executions, Stamp(now, new_id)).move_up()
    (begun,) = executions.started
    machine = StateMachine(TEARDOWN, provisioned._invoke, waited=lambda _seconds: None)
    machine.run(execution_input(begun))
    forget()
    _, operation = accounts().read(account.account_id, begun.operation_id)
    return operation


def test_an_account_is_a_product_of_the_factory_and_ends_with_it(
    provisioned: Provisioned, tower: LocalWorld
) -> None:
    account = active(provisioned)
    number = account.aws_account_id
    assert number
    organizations = tower.management("organizations")
    products = tower.management("servicecatalog").search_provisioned_products()
    assert [each["Status"] for each in products["ProvisionedProducts"]] == ["AVAILABLE"]
    assert tower.unit_of(number) == tower.settings.unit
    (lodging,) = tower.vendor.find("acme")
    assert (lodging.is_open, lodging.is_enrolled) == (True, True)
    roles = tower.cloud.client(
        "iam", {"aws_access_key_id": number, "aws_secret_access_key": "test"}
    ).list_roles()["Roles"]
    names = {each["RoleName"] for each in roles}
    assert "AWSControlTowerExecution" in names
    assert "OrganizationAccountAccessRole" not in names

    operation = torn_down(provisioned, account)

    assert operation.status is OperationStatus.SUCCEEDED, operation
    products = tower.management("servicecatalog").search_provisioned_products()
    assert products["ProvisionedProducts"] == []
    assert organizations.describe_account(AccountId=number)["Account"]["Status"] == "SUSPENDED"
    assert tower.unit_of(number) == tower.settings.quarantine_unit
    archive = f"{tower.settings.deployment}-archive"
    s3 = tower.cloud.client("s3")
    body = s3.get_object(Bucket=archive, Key=operation.certificate)["Body"].read()
    said = Certificate.read(body).statement
    assert said.left.is_empty
    assert [each for each in said.kept if number in each.what]
    assert tower.vendor.close(number).state is State.DONE
