"""The activity field: pages, names, whose data it reaches, and what it costs."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest

from tests.integration.audit.conftest import Audit, bodies, envelope
from tests.support.capacity import measured
from tests.support.faults import injected, recorded, unprocessed


@pytest.fixture(autouse=True)
def today(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """A fixed day a month after the organisations began."""
    now = datetime(2026, 4, 3, tzinfo=UTC)
    monkeypatch.setattr("tenantry.audit.bootstrap.activity.now", lambda: now)
    return now


def happened(audit: Audit, count: int, tenant_id: str = "t-1", actor: str = "ada") -> None:
    for number in range(count):
        at = datetime(2026, 3, 20, tzinfo=UTC) + timedelta(days=number)
        more: dict[str, Any] = {"actor": {"id": actor}, "tenant_id": tenant_id}
        audit.deliver(*bodies(envelope(number, at, **more)))


def test_what_happened_is_shown_newest_first(audit: Audit) -> None:
    audit.join("ada")
    happened(audit, 3)

    page = audit.ask()["data"]

    assert [item["id"] for item in page["items"]] == ["e-00002", "e-00001", "e-00000"]
    newest = page["items"][0]
    assert newest["actor"] == {"id": "ada", "kind": "user", "name": "Ada"}
    assert json.loads(newest["data"]) == {"number": 2}
    assert (newest["entityType"], newest["entityVersion"]) == ("Organization", 2)
    assert page["nextCursor"] is None


def test_pages_go_on_across_months(audit: Audit) -> None:
    audit.join("ada")
    happened(audit, 14)

    shown, after = [], None
    while True:
        page = audit.ask(first=5, after=after)["data"]
        shown.append([item["id"] for item in page["items"]])
        after = page["nextCursor"]
        if after is None:
            break

    assert [len(each) for each in shown] == [5, 5, 4]
    assert [each for page in shown for each in page] == [f"e-{n:05}" for n in range(13, -1, -1)]


@pytest.mark.parametrize(
    "chosen", [{"actorId": "ada"}, {"type": "OrganizationUpdated"}, {"entityId": "t-1"}]
)
def test_filters_page_too(audit: Audit, chosen: dict[str, str]) -> None:
    audit.join("ada")
    happened(audit, 14)

    first = audit.ask(first=10, filter=chosen)["data"]
    rest = audit.ask(first=10, filter=chosen, after=first["nextCursor"])["data"]

    shown = [item["id"] for item in (*first["items"], *rest["items"])]
    assert shown == [f"e-{n:05}" for n in range(13, -1, -1)]
    assert rest["nextCursor"] is None


def test_two_filters_at_once_are_refused(audit: Audit) -> None:
    audit.join("ada")

    answer = audit.ask(filter={"actorId": "ada", "type": "X"})

    assert answer["error"]["code"] == "INVALID_INPUT"


def test_nobody_sees_another_organisations_activity(audit: Audit) -> None:
    audit.join("ada", "t-1")
    audit.join("eve", "t-2")
    happened(audit, 3, "t-1")
    happened(audit, 3, "t-2", actor="eve")

    assert audit.ask("eve", "t-1")["error"]["code"] == "NOT_A_MEMBER"
    first = audit.ask("ada", "t-1", first=1)["data"]
    moved = audit.ask("eve", "t-2", after=first["nextCursor"])["data"]
    assert {item["actor"]["id"] for item in moved["items"]} <= {"eve"}
    assert audit.ask("eve", "t-2", filter={"actorId": "ada"})["data"]["items"] == []


@pytest.mark.parametrize("role", ["MEMBER", "VIEWER"])
def test_roles_without_the_permission_are_refused(audit: Audit, role: str) -> None:
    audit.join("ada", role=role)

    assert audit.ask()["error"]["code"] == "FORBIDDEN"


def test_the_log_is_read_with_credentials_of_the_organisation_alone(audit: Audit) -> None:
    audit.join("ada")

    with recorded() as calls:
        audit.ask()

    [assumed] = calls.of("AssumeRole")
    policy = _form(assumed.request.body)["Policy"]
    [statement] = [
        each for each in json.loads(policy)["Statement"] if "dynamodb:Query" in each["Action"]
    ]
    assert statement["Resource"] == [
        f"arn:aws:dynamodb:eu-central-1:000000000000:table/{audit.table.name}",
        f"arn:aws:dynamodb:eu-central-1:000000000000:table/{audit.table.name}/index/*",
    ]
    keys = statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
    assert keys == ["ORG#t-1", "ORG#t-1#*"]
    own = calls.of("BatchGetItem")[0].request.headers["Authorization"]
    tenants = [call.request.headers["Authorization"] for call in calls.of("Query")]
    assert tenants
    assert all(_signer(each) != _signer(own) for each in tenants)


def test_a_page_costs_one_read_of_standing_one_query_a_month_and_one_of_names(
    audit: Audit,
) -> None:
    audit.join("ada")
    happened(audit, 14)
    audit.ask()  # the session is made once

    with measured(audit.table._client) as cost:
        audit.ask()

    assert cost.operations == ["BatchGetItem", "Query", "Query", "BatchGetItem"]
    # Member and organisation, two months' items within 4 KB each block, and one profile.
    assert cost.read_units <= 2 + 4 + 1
    assert cost.write_units == 0


def test_names_arrive_even_when_a_read_comes_in_parts(audit: Audit) -> None:
    audit.join("ada")
    happened(audit, 2)

    with injected(unprocessed(0.5, seed=3)):
        page = audit.ask()["data"]

    assert {item["actor"]["name"] for item in page["items"]} == {"Ada"}


def _form(body: Any) -> dict[str, str]:
    return dict(parse_qsl(body.decode() if isinstance(body, bytes) else str(body)))


def _signer(authorization: Any) -> str:
    text = authorization.decode() if isinstance(authorization, bytes) else str(authorization)
    return text.partition("Credential=")[2].partition("/")[0]
