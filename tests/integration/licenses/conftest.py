"""The licences' functions, in-process, on moto or on the local cloud."""

from dataclasses import dataclass
from typing import Any

import pytest

from functions.licenses import api, remind
from tenantry.identity.dynamodb import DynamoDBProfileRepository
from tenantry.persistence.keys import member_key, organization_key
from tenantry.persistence.table import Table
from tests.integration.organizations.conftest import OPERATOR
from tests.support.clock import START
from tests.support.invocations import appsync_event, wire
from tests.support.lambda_context import lambda_context
from tests.support.tables import items

GIVEN = {
    "organizationId": "t-1",
    "enterpriseId": "e-1",
    "productId": "engine",
    "serviceId": "engine.api",
    "startDate": "2099-01-01",
    "endDate": "2099-12-31",
    "contactFullName": "Ada Lovelace",
    "contactEmail": "ada@example.com",
    "contactTimeZone": "Europe/Berlin",
    "reason": "Order 7",
}


@dataclass
class Licenses:
    """Speaks to the functions as AppSync and the schedule do."""

    table: Table

    def ask(self, name: str, arguments: dict[str, Any] | None = None, **who: Any) -> Any:
        who = {
            "parent": "Query" if name in ("licenses", "entitled") else "Mutation",
            "organization": "t-1",
            **who,
        }
        return api.handler(appsync_event(name, arguments, **who), lambda_context())

    def operate(self, name: str, **values: Any) -> Any:
        """What an operator's command answers."""
        return self.ask(name, {"input": values}, user="root", groups=["SuperAdmin"])

    def create(self, **more: Any) -> Any:
        answer = self.operate("createLicense", **{**GIVEN, **more})
        assert "error" not in answer, answer["error"]
        return answer["data"]

    def remind(self) -> int:
        return int(remind.handler({}, lambda_context(remaining_ms=120_000))["told"])

    def stored(self, prefix: str) -> list[dict[str, Any]]:
        found = items(self.table._client, self.table.name)
        return [item for item in found if item["SK"]["S"].startswith(prefix)]


def wired(monkeypatch: pytest.MonkeyPatch, table: Table) -> Licenses:
    """The functions on `table`, with the organisation t-1, whose owner is ada."""
    DynamoDBProfileRepository(table).create(OPERATOR, ())
    at = START.isoformat()
    table.put(
        {
            **organization_key("t-1"),
            "entity_type": "Organization",
            "tenant_id": "t-1",
            "name": "Acme",
            "slug": "acme",
            "status": "ACTIVE",
            "plan": "FREE",
            "founder_id": "ada",
            "used_users": 1,
            "created_at": at,
            "updated_at": at,
            "entity_version": 1,
        }
    )
    for user, role in (("ada", "OWNER"), ("vic", "VIEWER")):
        table.put(
            {
                **member_key("t-1", user),
                "entity_type": "Member",
                "tenant_id": "t-1",
                "entity_id": user,
                "role": role,
                "status": "ACTIVE",
                "created_at": at,
                "entity_version": 1,
            }
        )
    wire(monkeypatch, PLATFORM_TABLE=table.name)
    return Licenses(table)


@pytest.fixture
def licenses(platform_table: Table, monkeypatch: pytest.MonkeyPatch) -> Licenses:
    return wired(monkeypatch, platform_table)
