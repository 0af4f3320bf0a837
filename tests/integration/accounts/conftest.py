"""The accounts' functions in-process, on moto or on the local cloud."""

from dataclasses import dataclass
from typing import Any

import pytest

from functions.accounts import api
from tenantry.organizations.dynamodb import DynamoDBOrganizationRepository
from tenantry.organizations.model import Member, Organization
from tenantry.persistence.table import Table
from tenantry.tenancy.roles import Role
from tests.support.clock import START
from tests.support.invocations import rest_event, wire
from tests.support.lambda_context import lambda_context
from tests.support.ministack import MiniStack
from tests.support.tables import items

BODY = {"name": "Own", "masterAccountName": "Acme", "cloudType": "private"}


@dataclass
class Api:
    """Speaks to the function as API Gateway does, as the owner of one organisation."""

    table: Table

    def post(self, path: str = "/accounts", body: Any = None, **headers: str) -> dict[str, Any]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        event = rest_event("POST", path, body, headers={"x-organization-id": "acme", **named})
        return api.handler(event, lambda_context())

    def get(self, path: str) -> dict[str, Any]:
        event = rest_event("GET", path, headers={"x-organization-id": "acme"})
        return api.handler(event, lambda_context())

    def stored(self, *kinds: str) -> list[dict[str, Any]]:
        found = items(self.table._client, self.table.name)
        return [item for item in found if item["entity_type"]["S"] in kinds]


def found(table: Table) -> None:
    """Acme, which Ada owns."""
    from tenantry.messaging.event import Event
    from tenantry.messaging.stamp import Cause, Stamp
    from tenantry.organizations.events import MemberJoined
    from tests.support.clock import FakeClock, FakeIds

    stamp = Stamp(FakeClock(), FakeIds())

    def event() -> Event:
        data = MemberJoined(organization_id="acme", user_id="ada", role=Role.OWNER, how="founder")
        return stamp.event(data, Cause())

    organization = Organization(
        tenant_id="acme",
        name="Acme",
        slug="acme",
        founder_id="ada",
        used_users=1,
        created_at=START,
        updated_at=START,
    )
    owner = Member(tenant_id="acme", user_id="ada", role=Role.OWNER, joined_at=START)
    DynamoDBOrganizationRepository(table).create(organization, owner, event(), event())


def _wired(monkeypatch: pytest.MonkeyPatch, table: Table) -> Api:
    found(table)
    wire(monkeypatch, PLATFORM_TABLE=table.name, PREFIX="tenantry")
    return Api(table)


@pytest.fixture
def accounts_api(platform_table: Table, monkeypatch: pytest.MonkeyPatch) -> Api:
    return _wired(monkeypatch, platform_table)


@pytest.fixture
def concurrent_api(
    ministack: MiniStack, ministack_platform_table: Table, monkeypatch: pytest.MonkeyPatch
) -> Api:
    """On the local cloud, for what happens at once."""
    for name, value in ministack.environment.items():
        monkeypatch.setenv(name, value)
    made = _wired(monkeypatch, ministack_platform_table)
    shared = Table(ministack.client("dynamodb"), made.table.name)
    for module in ("ledger", "api"):
        monkeypatch.setattr(f"tenantry.accounts.bootstrap.{module}.platform_table", lambda: shared)
    monkeypatch.setattr("tenantry.organizations.bootstrap.platform_table", lambda: shared)
    return made
