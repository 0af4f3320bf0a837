"""The function that hears of cancelled organisations, as its queue speaks to it."""

import json
from typing import Any

import pytest

from functions.accounts import close_accounts
from tenantry.accounts.dynamodb import DynamoDBAccountRepository
from tenantry.accounts.model import ProvisioningStatus
from tenantry.persistence.keys import organization_key
from tenantry.persistence.table import Table
from tenantry.persistence.writes import Assign
from tests.integration.accounts.conftest import BODY, Api
from tests.support.capacity import measured
from tests.support.invocations import organization_cancelled, queue_event, wire
from tests.support.lambda_context import lambda_context


def heard(*events: dict[str, Any]) -> Any:
    return close_accounts.handler(queue_event(map(json.dumps, events)), lambda_context())


@pytest.fixture
def account_id(accounts_api: Api, platform_table: Table, monkeypatch: pytest.MonkeyPatch) -> str:
    """Of an account that is active, in an organisation that has been cancelled since."""
    account_id = str(json.loads(accounts_api.post(body=BODY)["body"])["account"]["id"])
    accounts = DynamoDBAccountRepository(platform_table, 10)
    account = accounts.get(account_id)
    assert account
    _, operation = accounts.read(account_id, account.operation_id)
    assert operation
    for name, kind, after in (
        (account_id, "ACCOUNT", {"status": ProvisioningStatus.ACTIVE.value}),
        (account_id, f"OPERATION#{operation.operation_id}", {"status": "SUCCEEDED"}),
    ):
        where = {"PK": f"ACCOUNT#{name}", "SK": kind}
        platform_table.transact([Assign(where, after, {})])
    platform_table.transact([Assign(organization_key("acme"), {"status": "CANCELLED"}, {})])
    wire(monkeypatch, PLATFORM_TABLE=platform_table.name)
    return account_id


def test_its_end_waits_for_approval_however_often_it_is_told(
    account_id: str, platform_table: Table
) -> None:
    with measured(platform_table._client) as cost:
        assert heard(organization_cancelled("acme")) == {"batchItemFailures": []}
    assert heard(organization_cancelled("acme"), organization_cancelled("acme")) == {
        "batchItemFailures": []
    }

    accounts = DynamoDBAccountRepository(platform_table, 10)
    account = accounts.get(account_id)
    assert account
    _, operation = accounts.read(account_id, account.operation_id)
    assert operation
    assert (operation.kind, operation.status) == ("TEARDOWN", "AWAITING_APPROVAL")
    assert operation.correlation_id == "c-1"
    assert account.status is ProvisioningStatus.ACTIVE
    assert cost.operations == [
        "GetItem",
        "GetItem",
        "GetItem",
        "BatchGetItem",
        "TransactWriteItems",
    ]
    assert (cost.read_units, cost.write_units, cost.index_write_units) == (5, 4, 1)


def test_what_is_not_ours_is_not_believed(account_id: str, platform_table: Table) -> None:
    forged = organization_cancelled("acme") | {"account": "999999999999"}

    assert heard(forged) == {"batchItemFailures": [{"itemIdentifier": "m-0"}]}
    account = DynamoDBAccountRepository(platform_table, 10).get(account_id)
    assert account
    assert account.entity_version == 1


def test_an_organisation_without_an_account_needs_none(account_id: str) -> None:
    assert heard(organization_cancelled("ajax")) == {"batchItemFailures": []}
