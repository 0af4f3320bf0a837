"""Each step of a public provisioning in its own function, stopped before and after every AWS call.

Row 12: what stops anywhere converges when it is delivered again.
"""

import importlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import boto3
import pytest

from tenantry.accounts.bootstrap import data as data_wiring
from tenantry.accounts.bootstrap.ledger import accounts
from tenantry.accounts.bootstrap.steps import provisioning
from tenantry.accounts.bootstrap.technical_users import stray_clients, technical_users
from tenantry.accounts.cognito import CognitoMachineClients
from tenantry.accounts.dynamodb import DynamoDBAccountRepository
from tenantry.accounts.line import Line
from tenantry.accounts.repository import Place
from tenantry.errors import OperationSupersededError
from tenantry.messaging.stamp import Stamp
from tenantry.persistence.table import Table
from tenantry.tenancy.sessions import Abroad, DataScope
from tests.integration.accounts.conftest import Api, found
from tests.support.accounts import FakeExecutions
from tests.support.clock import FakeIds
from tests.support.faults import Stopped, injected, recorded, stop_after, stop_before
from tests.support.invocations import forget, wire
from tests.support.lambda_context import lambda_context
from tests.support.tables import items

STEPS = (
    "validate",
    "reserve",
    "adopt_shared",
    "configure",
    "seed",
    "verify",
    "activate",
    "announce",
)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
BODY = {
    "name": "Own",
    "masterAccountName": "Acme",
    "cloudType": "public",
    "technicalUser": "erp",
    "options": {"parameters": True},
}
TIMES = {
    "ends_at",
    "created_at",
    "updated_at",
    "heartbeat_at",
    "ended_at",
    "events",
    "event_ids",
    "purge_at",
}


class World:
    """A platform table, a tenant table, two buckets and a pool on moto, and an account that was
    begun."""

    def __init__(self, platform: Table, tenant: Table, pool_id: str) -> None:
        self.platform, self.tenant, self.pool_id = platform, tenant, pool_id
        self.given: dict[str, Any] = {}

    def begin(self) -> None:
        """Everything anew, up to the first step."""
        for table in (self.platform, self.tenant):
            for item in items(table._client, table.name):
                key = {"PK": item["PK"], "SK": item["SK"]}
                table._client.delete_item(TableName=table.name, Key=key)
        for name in self.parameters():
            boto3.client("ssm").delete_parameter(Name=name)
        for client_id in self.clients():
            self.remove(client_id)
        forget()
        found(self.platform)
        asked = json.loads(Api(self.platform).post(body=BODY, idempotency_key="k")["body"])
        executions = FakeExecutions()
        stamp = Stamp(lambda: datetime.now(UTC), FakeIds("f"))
        Line(DynamoDBAccountRepository(self.platform, 5), executions, stamp).move_up()
        self.given = {
            "tenant_id": "acme",
            "account_id": asked["account"]["id"],
            "operation_id": asked["operation"]["id"],
            "run": 1,
        }

    def kept(self) -> Callable[[], None]:
        """Puts everything back to how it stands now, as a new process would find it."""
        tables = [
            (table, items(table._client, table.name)) for table in (self.platform, self.tenant)
        ]
        parameters, clients = set(self.parameters()), self.clients()

        def restore() -> None:
            for name in set(self.parameters()) - parameters:
                boto3.client("ssm").delete_parameter(Name=name)
            for client_id in self.clients().keys() - clients.keys():
                self.remove(client_id)
            # Whoever comes again is given another id.
            again = {
                client_id: self._made(name)
                for client_id, name in clients.items()
                if client_id not in self.clients()
            }
            for table, rows in tables:
                for item in items(table._client, table.name):
                    key = {"PK": item["PK"], "SK": item["SK"]}
                    table._client.delete_item(TableName=table.name, Key=key)
                for item in rows:
                    text = json.dumps(item)
                    for before, after in again.items():
                        text = text.replace(before, after)
                    table._client.put_item(TableName=table.name, Item=json.loads(text))
            forget()

        return restore

    def clients(self) -> dict[str, str]:
        """Clients of the pool, by their ids: their names."""
        found_ = boto3.client("cognito-idp").list_user_pool_clients(
            UserPoolId=self.pool_id, MaxResults=60
        )["UserPoolClients"]
        return {each["ClientId"]: each["ClientName"] for each in found_}

    def _made(self, name: str) -> str:
        made = boto3.client("cognito-idp").create_user_pool_client(
            UserPoolId=self.pool_id, ClientName=name
        )
        return str(made["UserPoolClient"]["ClientId"])

    def remove(self, client_id: str) -> None:
        boto3.client("cognito-idp").delete_user_pool_client(
            UserPoolId=self.pool_id, ClientId=client_id
        )

    def again(self, name: str) -> str:
        """Deliver a step again; answers the error, when all that was lost was the last answer."""
        forget()
        try:
            self.step(name)
        except OperationSupersededError:
            return "OperationSupersededError"
        return ""

    def step(self, name: str) -> Any:
        module = importlib.import_module(f"functions.accounts.{name}")
        return module.handler(self.given, lambda_context())

    def parameters(self) -> list[str]:
        path = "/tenantry/accounts"
        found_ = boto3.client("ssm").get_parameters_by_path(Path=path, Recursive=True)
        return sorted(each["Name"] for each in found_["Parameters"])

    def state(self) -> Any:
        """What is stored, without times and how often a step was tried; a client is its number.

        Of clients those that are there when the sweep has been: a step that stopped between making
        one and binding it makes another.
        """
        # moto does not tell when a client was made.
        with patch.object(CognitoMachineClients, "made_at", lambda *_: LONG_AGO):
            stray_clients().sweep()
        rows = [
            _comparable(item)
            for table in (self.platform, self.tenant)
            for item in items(table._client, table.name)
        ]
        told = str(rows)
        for row in rows:
            if row["entity_type"]["S"] == "Machine":
                told = told.replace(row["client_id"]["S"], f"client {row['number']['N']}")
        return told, self.parameters(), sorted(self.clients().values())


def _stop(at: int) -> Any:
    """Before the first call, or after the `at`-th, which is before the next one."""
    return stop_after(at) if at else stop_before(1)


def _comparable(item: dict[str, Any]) -> Any:
    kept = {n: v for n, v in item.items() if n not in TIMES and not n.startswith("GSI")}
    if item["entity_type"]["S"] == "AccountOperation":
        # A step that was begun twice has another version; what it came to is the same.
        kept.pop("entity_version")
        kept["steps"] = {name: step["M"]["s"] for name, step in item["steps"]["M"].items()}
    return kept


@pytest.fixture
def world(platform_table: Table, tenant_table: Table, monkeypatch: pytest.MonkeyPatch) -> World:
    for name in ("raw", "processed"):
        boto3.client("s3").create_bucket(
            Bucket=f"shared-{name}",
            CreateBucketConfiguration={"LocationConstraint": "eu-central-1"},
        )
    pool = boto3.client("cognito-idp").create_user_pool(PoolName="people")["UserPool"]["Id"]
    wire(
        monkeypatch,
        USER_POOL_ID=pool,
        PLATFORM_TABLE=platform_table.name,
        PREFIX="tenantry",
        TENANT_TABLE=tenant_table.name,
        TENANT_RAW_BUCKET="shared-raw",
        TENANT_PROCESSED_BUCKET="shared-processed",
        TENANT_DATA_ROLE_ARN="arn:aws:iam::123456789012:role/TenantData",
        PROVISIONER_ROLE_ARN="arn:aws:iam::123456789012:role/Provisioner",
    )
    monkeypatch.setattr(data_wiring, "_arrived", lambda _place, _event: True)
    made = World(platform_table, tenant_table, pool)
    made.begin()
    return made


def test_the_steps_make_a_public_account_active(world: World) -> None:
    for name in STEPS:
        assert world.step(name).items() >= {"done": True, "wait": 0}.items()

    account = accounts().get(world.given["account_id"])
    assert account
    assert (account.status, account.table_name) == ("active", world.tenant.name)
    hosted = provisioning().hosting.find("acme")
    assert hosted
    assert hosted.route == {"account": account.account_id, "kind": "public", "state": "active"}
    assert [name.rpartition("/")[2] for name in world.parameters()] == [
        "cloud-type",
        "table-name",
        "provisioning-error",
        "provisioning-status",
    ]
    [(client_id, name)] = world.clients().items()
    assert name == f"tenantry-technical-user-{account.account_id}-1"
    [machine] = technical_users().lasting(account)
    assert (machine.client_id, machine.tenant_id) == (client_id, "acme")


@pytest.mark.parametrize("name", STEPS)
def test_a_step_stopped_anywhere_converges_when_it_comes_again(world: World, name: str) -> None:
    for earlier in STEPS[: STEPS.index(name)]:
        world.step(earlier)
    restore = world.kept()
    with recorded() as calls:
        world.step(name)
    expected = world.state()

    for at in range(len(calls) + 1):
        restore()
        with pytest.raises(Stopped), injected(_stop(at)):
            world.step(name)
        assert world.again(name) in ("", "OperationSupersededError" if name == STEPS[-1] else "")
        assert world.state() == expected, f"stopped at call {at}: {calls.operations}"


def test_undoing_stopped_anywhere_leaves_nothing(world: World) -> None:
    for name in STEPS[:6]:
        world.step(name)
    world.given |= {"error": "ProbeFailedError", "cause": "no"}
    restore = world.kept()
    with recorded() as calls:
        assert world.step("compensate")["done"]
    expected = world.state()
    assert items(world.tenant._client, world.tenant.name) == []
    assert world.clients() == {}

    for at in range(0, len(calls) + 1, 2):
        restore()
        with pytest.raises(Stopped), injected(_stop(at)):
            world.step("compensate")
        assert world.again("compensate") in ("", "OperationSupersededError")
        assert world.state() == expected, f"stopped at call {at}: {calls.operations}"


def test_the_longest_policies_are_within_what_sts_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The local cloud takes no longer ones either: a move stopped there at its first object."""
    monkeypatch.setenv("PLATFORM_ACCOUNT_ID", "0" * 12)
    monkeypatch.setenv("TENANT_DATA_ROLE_ARN", "arn:aws:iam::000000000000:role/data")
    monkeypatch.setenv("AUDIT_TABLE", "a" * 60)
    given: list[int] = []

    class Sessions:
        sts = boto3.client("sts", region_name="ap-southeast-1")

        def client(self, tenant_id: str, scope: DataScope, _abroad: object = None) -> None:
            given.append(len(scope.policy(tenant_id)))

    monkeypatch.setattr(data_wiring, "sessions", Sessions)
    place = Place("0" * 36, "x" * 60, "y" * 63, "z" * 63)
    data_wiring.copiers(place)
    data_wiring.clients(place)
    data_wiring.searchers(place)
    # In an AWS account of the tenant's own, entered by a session with a policy of its own.
    way = Abroad(f"arn:aws:iam::{'0' * 12}:role/{'r' * 64}", f"/{'p' * 40}/accounts/{'0' * 36}/x")
    data_wiring.searchers(replace(place, abroad=way, region="ap-southeast-1"))
    data_wiring.clients(replace(place, abroad=way, region="ap-southeast-1"))
    given.append(len(way.policy()))

    assert len(given) == 6
    assert all(length <= 2048 for length in given), given
