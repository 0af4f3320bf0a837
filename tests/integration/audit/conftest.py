"""The audit functions, in-process on moto."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from functions.audit import api, record_events
from tenantry.messaging.event import Actor, Envelope
from tenantry.persistence.keys import member_key, organization_key, profile_key
from tenantry.persistence.table import Table
from tests.support.clock import START
from tests.support.invocations import appsync_event, bus_event, queue_event, wire
from tests.support.lambda_context import lambda_context
from tests.support.tables import items


def envelope(number: int, at: datetime = START, **more: Any) -> Envelope:
    return Envelope(
        **{
            "id": f"e-{number:05}",
            "type": "OrganizationUpdated",
            "context": "organizations",
            "occurred_at": at,
            "actor": Actor(id="ada"),
            "correlation_id": f"c-{number}",
            "data": {"number": number},
            "tenant_id": "t-1",
            "entity_type": "Organization",
            "entity_id": "t-1",
            "entity_version": number,
            **more,
        }
    )


@dataclass
class Audit:
    """Delivers events as the queue does, and asks as AppSync does."""

    platform: Table
    table: Table

    def deliver(self, *bodies: str) -> list[str]:
        """Hand over a batch; answers the messages that come again."""
        answer = record_events.handler(queue_event(bodies), lambda_context())
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def ask(self, user: str = "ada", organization: str = "t-1", **arguments: Any) -> Any:
        event = appsync_event(
            "activity", arguments, user=user, organization=organization, parent="Query"
        )
        return api.handler(event, lambda_context())

    def stored(self) -> list[dict[str, Any]]:
        """The entries; what sealing keeps beside them is no entry."""
        found = items(self.table._client, self.table.name)
        return [item for item in found if "#AUDIT#" in item["PK"]["S"]]

    def join(self, user: str, tenant_id: str = "t-1", role: str = "OWNER") -> None:
        """A member of an organisation that began at START."""
        at = START.isoformat()
        self.platform.put(
            {
                **organization_key(tenant_id),
                "tenant_id": tenant_id,
                "name": tenant_id,
                "slug": tenant_id,
                "status": "ACTIVE",
                "plan": "FREE",
                "founder_id": user,
                "used_users": 1,
                "created_at": at,
                "updated_at": at,
                "entity_version": 1,
            }
        )
        self.platform.put(
            {
                **member_key(tenant_id, user),
                "tenant_id": tenant_id,
                "entity_id": user,
                "role": role,
                "status": "ACTIVE",
                "created_at": at,
                "entity_version": 1,
            }
        )
        self.platform.put({**profile_key(user), "name": user.title()})


@pytest.fixture
def audit(platform_table: Table, audit_table: Table, monkeypatch: pytest.MonkeyPatch) -> Audit:
    wire(
        monkeypatch,
        PLATFORM_TABLE=platform_table.name,
        AUDIT_TABLE=audit_table.name,
        # moto keeps each account apart, and this is the one it holds the tables in.
        TENANT_DATA_ROLE_ARN="arn:aws:iam::123456789012:role/tenant-data",
    )
    monkeypatch.setattr("tenantry.audit.bootstrap.recording.now", lambda: START)
    return Audit(platform_table, audit_table)


def bodies(*envelopes: Envelope) -> list[str]:
    """Messages as EventBridge puts them into the queue."""
    return [json.dumps(bus_event(each)) for each in envelopes]
