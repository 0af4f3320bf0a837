"""Twenty tenants with canaries, asked in every way: no canary crosses (row 2, as far as it is)."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moto import mock_aws

from functions.organizations import api as organizations_api
from tenantry.audit.model import read_entry
from tenantry.bootstrap import SINGLE_ATTEMPT
from tenantry.persistence.keys import organization_pk
from tests.integration.audit.conftest import Audit, bodies, envelope
from tests.support.invocations import appsync_event, wire
from tests.support.lambda_context import lambda_context
from tests.support.tables import fresh_table

TENANTS = 20
NOW = datetime(2026, 4, 3, tzinfo=UTC)


@dataclass(frozen=True)
class Step:
    """One question: whose user asks, about which tenant, with which tenant's ids and cursor."""

    user: int
    organization: int
    borrowed: int
    field: str
    first: int

    def filter(self) -> dict[str, Any] | None:
        named = {
            "actor": {"actorId": f"u-{self.borrowed}"},
            "entity": {"entityId": f"t-{self.borrowed}"},
            "type": {"type": "OrganizationUpdated"},
        }
        return named.get(self.field)


numbers = st.integers(0, TENANTS - 1)
steps = st.builds(
    Step,
    user=numbers,
    organization=numbers,
    borrowed=numbers,
    field=st.sampled_from(["activity", "actor", "entity", "type", "cursor", "organization"]),
    first=st.integers(1, 60),
)


@pytest.fixture(scope="module")
def tenants() -> Iterator[Audit]:
    """Each tenant with one owner and 50 events that carry its canary."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        client = boto3.client("dynamodb", config=SINGLE_ATTEMPT)
        made = Audit(fresh_table(client, "platform"), fresh_table(client, "audit"))
        wire(
            patch,
            PLATFORM_TABLE=made.platform.name,
            AUDIT_TABLE=made.table.name,
            TENANT_DATA_ROLE_ARN="arn:aws:iam::123456789012:role/tenant-data",
        )
        patch.setattr("tenantry.audit.bootstrap.activity.now", lambda: NOW)
        for tenant in range(TENANTS):
            made.join(f"u-{tenant}", f"t-{tenant}")
            for start in range(0, 50, 10):
                made.deliver(*bodies(*(_event(tenant, start + n) for n in range(10))))
        yield made


def _event(tenant: int, number: int) -> Any:
    return envelope(
        tenant * 100 + number,
        NOW - timedelta(hours=10 * number + 1),
        tenant_id=f"t-{tenant}",
        entity_id=f"t-{tenant}",
        actor={"id": f"u-{tenant}"},
        data={"canary": f"<canary-{tenant}>"},
    )


def answer(tenants: Audit, step: Step) -> Any:
    user, organization = f"u-{step.user}", f"t-{step.organization}"
    if step.field == "organization":
        event = appsync_event("organization", user=user, organization=organization, parent="Query")
        return organizations_api.handler(event, lambda_context())
    after = None
    if step.field == "cursor":
        own = tenants.ask(f"u-{step.borrowed}", f"t-{step.borrowed}", first=7)
        after = own["data"]["nextCursor"]
    return tenants.ask(user, organization, first=step.first, filter=step.filter(), after=after)


@given(st.lists(steps, min_size=1, max_size=40))
@settings(max_examples=60)
def test_no_answer_holds_another_tenants_canary(tenants: Audit, asked: list[Step]) -> None:
    for step in asked:
        told = answer(tenants, step)

        text = json.dumps(told, default=str)
        found = {n for n in range(TENANTS) if f"<canary-{n}>" in text or f'"t-{n}"' in text}
        assert found <= {step.user}, step
        assert ("data" in told) == (step.user == step.organization), step


def test_own_canaries_are_shown(tenants: Audit) -> None:
    """What the test above looks for is there to be found."""
    for number in (0, 7, 19):
        told = tenants.ask(f"u-{number}", f"t-{number}", first=60)
        assert f"<canary-{number}>" in json.dumps(told)


def test_were_the_tenant_taken_from_elsewhere_canaries_would_cross(
    tenants: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin: an adapter that reads another tenant's partition is seen by this test, once it also
    believes entries that say of themselves that they lie elsewhere."""
    monkeypatch.setattr(
        "tenantry.audit.dynamodb.organization_pk",
        lambda _tenant, *rest: organization_pk("t-1", *rest),
    )
    assert tenants.ask("u-0", "t-0", first=60)["data"]["items"] == []

    monkeypatch.setattr("tenantry.audit.dynamodb.is_place", lambda _item, _tenant: True)
    monkeypatch.setattr("tenantry.audit.dynamodb.entry_at", lambda item, _tenant: read_entry(item))
    assert "<canary-1>" in json.dumps(tenants.ask("u-0", "t-0", first=60))
