"""Programs at the functions' own doors, behind the gateway: what each is let in for, and costs."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest

from functions.accounts import api, credentials, remove_stray_clients
from functions.licenses import api as licenses
from functions.organizations import api as organizations
from tenantry.accounts.bootstrap.ledger import accounts
from tenantry.accounts.bootstrap.technical_users import stray_clients, technical_users
from tenantry.accounts.cognito import CognitoMachineClients
from tenantry.accounts.events import AccountRequested
from tenantry.accounts.model import Account, ProvisioningStatus
from tenantry.messaging.stamp import Cause, Stamp
from tenantry.persistence.table import Table
from tests.integration.accounts.conftest import found
from tests.support.accounts import account, operation
from tests.support.capacity import Cost, measured
from tests.support.clock import FakeClock, FakeIds
from tests.support.invocations import forget, rest_event, wire
from tests.support.lambda_context import lambda_context
from tests.support.ministack import MiniStack

OWN = "/accounts/a-1"
CREDENTIALS = f"{OWN}/technical-user/credentials"
# Routes that let programs in, and by which scope; typed here.
OPEN = {
    "/accounts": "tenantry/accounts.read",
    OWN: "tenantry/accounts.read",
    f"{OWN}/operations/op-a-1": "tenantry/accounts.read",
    f"{OWN}/technical-user": "tenantry/accounts.read",
    "/api/usage": "tenantry/usage.read",
    "/api/entitlements": "tenantry/entitlements.read",
}
ALL = " ".join(sorted(set(OPEN.values())))
SHUT = {
    ("POST", "/accounts"),
    ("DELETE", OWN),
    ("GET", f"{OWN}/teardown-plan"),
    ("GET", f"{OWN}/comparison"),
    ("POST", CREDENTIALS),
    *(("POST", f"{OWN}/{each}") for each in ("retry", "cancel", "move", "approve")),
}


class World:
    """Acme's active account on the local cloud, from before there were technical users."""

    def __init__(self, cloud: MiniStack, table: Table, pool: str) -> None:
        self.cloud, self.table, self.pool = cloud, table, pool
        self.cognito = cloud.client("cognito-idp")
        fields = {"status": ProvisioningStatus.ACTIVE, "technical_user": "erp"}
        its = account("public").model_copy(update=fields)
        data = AccountRequested(
            account_id="a-1", organization_id="acme", operation_id="op-a-1", cloud_type="public"
        )
        event = Stamp(FakeClock(), FakeIds()).event(data, Cause())
        accounts().request(its, operation(its), event)
        self.account = its

    def asks(
        self, method: str, path: str, claims: dict[str, str] | None = None, **headers: str
    ) -> tuple[int, Any]:
        """As the owner, or with the claims of a program; past the gateway either way."""
        sent: Any = {} if method == "POST" else None
        event = rest_event(method, path, sent, headers=headers)
        if claims is None:
            event["headers"]["x-organization-id"] = "acme"
        else:
            event["requestContext"]["authorizer"] = {"claims": claims}
        function: Any = credentials if "technical-user" in path else api
        if path.startswith("/api/"):
            function = licenses if path.endswith("entitlements") else organizations
            event["queryStringParameters"] = {"productId": "p-1"}
        answer = function.handler(event, lambda_context())
        return answer["statusCode"], json.loads(answer["body"])

    def in_pool(self) -> set[str]:
        found = self.cognito.list_user_pool_clients(UserPoolId=self.pool, MaxResults=60)
        return {each["ClientId"] for each in found["UserPoolClients"]}

    def issued(self) -> dict[str, str]:
        """The claims of a token for new credentials."""
        status, body = self.asks("POST", CREDENTIALS)
        assert status == 201, body
        return program(body["clientId"])

    def cost(
        self, method: str, path: str, claims: dict[str, str] | None = None, **headers: str
    ) -> Cost:
        with measured(self.cloud.client("dynamodb")) as cost:
            status, body = self.asks(method, path, claims, **headers)
        assert status in (200, 201), body
        return cost


def program(client_id: str, scope: str = ALL) -> dict[str, str]:
    return {"sub": client_id, "client_id": client_id, "token_use": "access", "scope": scope}


@pytest.fixture
def world(
    ministack: MiniStack, ministack_platform_table: Table, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    for name, value in ministack.environment.items():
        monkeypatch.setenv(name, value)
    found(ministack_platform_table)
    pool = ministack.client("cognito-idp").create_user_pool(PoolName="programs")["UserPool"]["Id"]
    wire(
        monkeypatch,
        PLATFORM_TABLE=ministack_platform_table.name,
        PREFIX="tenantry",
        USER_POOL_ID=pool,
        TOKEN_URL="https://token",
    )
    yield World(ministack, ministack_platform_table, pool)
    forget()


def test_a_program_is_let_in_at_these_routes_and_at_no_other(world: World) -> None:
    claims = world.issued()

    for path in OPEN:
        assert world.asks("GET", path, claims)[0] == 200, path
        # To name another organisation helps nobody, whatever route it is.
        status, body = world.asks("GET", path, claims, **{"x-organization-id": "umbrella"})
        assert (status, body["code"]) == (403, "NOT_A_MEMBER"), path
    for method, path in SHUT:
        status, body = world.asks(method, path, claims)
        assert (status, body["code"]) == (403, "MACHINE_NOT_ALLOWED"), path


@pytest.mark.parametrize("scope", ["", "tenantry/everything", "accounts.read", "account:read"])
def test_without_its_scope_it_is_let_in_nowhere(world: World, scope: str) -> None:
    client = world.issued()["client_id"]

    for path, its in OPEN.items():
        others = " ".join(sorted(set(OPEN.values()) - {its}))
        status, body = world.asks("GET", path, program(client, f"{scope} {others}".strip()))
        assert (status, body["code"]) == (403, "MACHINE_NOT_ALLOWED"), path


def test_it_reads_what_is_used_of_its_organisations_plan_and_what_it_may_use(world: World) -> None:
    claims = world.issued()

    _, usage = world.asks("GET", "/api/usage", claims)
    assert usage["users"] == {"used": 1, "limit": 5, "percent": 20, "resetsAt": None}
    assert set(usage) == {"users", "projects", "storage", "apiCalls"}
    _, entitlement = world.asks("GET", "/api/entitlements", claims)
    assert entitlement == {"entitled": False, "licenseId": None, "endsAt": None}


def test_one_that_is_not_kept_acts_for_nobody_whatever_its_token_says(world: World) -> None:
    made = technical_users().clients.make(world.account, 7)
    for claims in (
        program(made),
        {**program(made), "org_id": "acme", "cognito:groups": "[SuperAdmin]"},
    ):
        for headers in ({}, {"x-organization-id": "acme"}):
            status, body = world.asks("GET", OWN, claims, **headers)
            assert (status, body["code"]) == (403, "NOT_A_MEMBER")


def test_of_many_who_ask_at_once_the_last_has_credentials_that_work(world: World) -> None:
    world.issued()
    with ThreadPoolExecutor(12) as threads:
        told = list(threads.map(lambda _: world.asks("POST", CREDENTIALS), range(24)))

    assert {status for status, _ in told} <= {201, 409}
    given = {body["clientId"] for status, body in told if status == 201}
    assert given
    current = technical_users().current(world.account)
    assert current
    assert current.client_id in given
    ends = [each for each in technical_users().lasting(world.account) if each.ends_at is None]
    assert len(ends) == 1
    # Whatever was given and lasts is in the pool, and nothing else once the next are given.
    world.issued()
    acting = {each.client_id for each in technical_users().lasting(world.account)}
    assert {c.client_id for c in technical_users().clients.of(world.account)} == acting


def meanwhile(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], None]) -> None:
    """Let it happen when a client was made, and before it is the organisation's."""
    make = CognitoMachineClients.make

    def made(its: CognitoMachineClients, account: Account, number: int) -> str:
        client_id = make(its, account, number)
        happens()
        return client_id

    monkeypatch.setattr(CognitoMachineClients, "make", made)


def _met(others: Barrier) -> None:
    others.wait(30)


def test_of_two_who_ask_for_the_first_ones_at_once_one_is_told_to_try_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither has a client to change that the other would have to have left as it was."""
    both = Barrier(2)
    with monkeypatch.context() as patched, ThreadPoolExecutor(2) as threads:
        meanwhile(patched, lambda: _met(both))
        told = list(threads.map(lambda _: world.asks("POST", CREDENTIALS), range(2)))

    (refused, said), (given, credentials) = sorted(told, key=lambda each: -each[0])
    assert (refused, said["code"], given) == (409, "CONFLICT", 201)
    (acting,) = technical_users().lasting(world.account)
    assert acting.client_id == credentials["clientId"]
    # What was made in vain is gone, and what was given stays for whoever asks next.
    (left,) = technical_users().clients.of(world.account)
    assert left.client_id == credentials["clientId"]
    world.issued()
    assert len(technical_users().lasting(world.account)) == 2


def test_none_are_given_once_the_account_goes_however_far_it_is(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its teardown is approved between the look at it and the writing."""

    def goes() -> None:
        world.cloud.client("dynamodb").update_item(
            TableName=world.table.name,
            Key={"PK": {"S": "ACCOUNT#a-1"}, "SK": {"S": "ACCOUNT"}},
            UpdateExpression="SET #status = :deleting",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={":deleting": {"S": "deleting"}},
        )

    with monkeypatch.context() as patched:
        meanwhile(patched, goes)
        status, said = world.asks("POST", CREDENTIALS)

    assert (status, said["code"]) == (409, "CONFLICT")
    assert technical_users().lasting(world.account) == []
    assert technical_users().clients.of(world.account) == []


def test_a_sweep_finds_what_was_planted_and_nothing_that_acts_or_is_new(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    acting = {world.issued()["client_id"], world.issued()["client_id"]}
    clients = technical_users().clients
    others = {
        world.cognito.create_user_pool_client(UserPoolId=world.pool, ClientName=name)[
            "UserPoolClient"
        ]["ClientId"]
        for name in ("tenantry-web", "tenantry-web-1")
    }
    planted = clients.make(world.account, 7)
    unheard_of = clients.make(world.account.model_copy(update={"account_id": "gone"}), 1)

    assert remove_stray_clients.handler({}, lambda_context()) == {"removed": 0, "waiting": 2}
    assert world.in_pool() == acting | others | {planted, unheard_of}

    later = datetime.now(UTC) + timedelta(hours=1)
    strays = replace(stray_clients(), now=lambda: later)
    monkeypatch.setattr(remove_stray_clients, "stray_clients", lambda: strays)
    assert remove_stray_clients.handler({}, lambda_context()) == {"removed": 2, "waiting": 0}
    assert world.in_pool() == acting | others


def test_a_sweep_costs_two_reads_a_page_whoever_is_in_the_pool(world: World) -> None:
    world.issued()
    world.issued()
    stray_clients()  # what a process does once
    with measured(world.cloud.client("dynamodb")) as cost:
        remove_stray_clients.handler({}, lambda_context())

    assert cost.operations == ["ListUserPoolClients", "BatchGetItem", "BatchGetItem"]
    assert cost.read_units == 3


def test_costs_are_those_that_are_written_down(world: World) -> None:
    world.asks("GET", OWN)  # what a process does once
    users = technical_users()
    made = users.made(world.account)
    assert made
    stamp = Stamp(FakeClock(), FakeIds())
    users.machines.save(
        *users.binding(made, lambda data, _client: stamp.event(data, Cause(), "bound"))
    )
    first = world.cost("POST", CREDENTIALS)
    others = world.cost("POST", CREDENTIALS)
    current = technical_users().current(world.account)
    assert current
    claims = program(current.client_id)
    named = world.cost("GET", "/accounts/a-1", claims, **{"x-organization-id": "acme"})
    unnamed = world.cost("GET", "/accounts/a-1", claims)

    asking = {"x-organization-id": "acme"}
    usage = world.cost("GET", "/api/usage", claims, **asking)
    entitled = world.cost("GET", "/api/entitlements", claims, **asking)

    # The pool is not looked through while somebody waits.
    for cost in (first, others):
        assert "ListUserPoolClients" not in cost.operations
    told = {
        "usage": (usage.read_units, usage.operations),
        "entitled": (entitled.read_units, entitled.operations),
        "first": (first.read_units, first.write_units, first.index_write_units),
        "others": (others.read_units, others.write_units, others.index_write_units),
        "named": (named.read_units, named.operations),
        "unnamed": (unnamed.read_units, unnamed.operations),
    }
    assert told == {
        "usage": (3, ["BatchGetItem", "GetItem"]),
        "entitled": (3, ["BatchGetItem", "Query"]),
        "first": (5, 4, 1),
        "others": (5, 6, 2),
        "named": (3, ["BatchGetItem", "GetItem"]),
        "unnamed": (3.5, ["Query", "BatchGetItem", "GetItem"]),
    }
