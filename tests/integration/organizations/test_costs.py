"""What commands cost: round trips, and capacity units by AWS's published rules."""

import json
from datetime import timedelta
from typing import Any

import pytest

from functions.organizations import sweep_support
from tenantry.organizations.bootstrap import organization_service
from tenantry.organizations.dynamodb import DynamoDBSupportRepository
from tenantry.organizations.model import SupportSession
from tenantry.persistence.keys import key, organization_pk
from tenantry.tenancy.roles import Role
from tests.contracts.organizations.test_organization_repository import event
from tests.integration.organizations.conftest import Api
from tests.support.capacity import Cost, measured
from tests.support.clock import START
from tests.support.lambda_context import lambda_context


def cost_of(api: Api, name: str, arguments: dict[str, Any] | None = None, **who: Any) -> Cost:
    with measured(api.table._client) as cost:
        answer = api.ask(name, arguments, **who)
    assert "error" not in answer, answer
    return cost


@pytest.fixture
def own(organizations_api: Api) -> dict[str, Any]:
    return {"organization": organizations_api.create(clientMutationId="k-1")["id"]}


def test_founding_is_one_read_and_a_transaction_of_four_items(organizations_api: Api) -> None:
    cost = cost_of(organizations_api, "createOrganization", {"input": {"name": "Acme"}})

    assert cost.operations == ["GetItem", "TransactWriteItems"]
    # Organisation, owner, slug, and the founder's count. Each item is under a KB, a transaction
    # doubles; one index carries the member.
    assert (cost.read_units, cost.write_units, cost.index_write_units) == (1, 8, 1)


@pytest.mark.parametrize("name", ["organization", "usage"])
def test_reading_is_one_round_trip(organizations_api: Api, own: dict[str, Any], name: str) -> None:
    cost = cost_of(organizations_api, name, **own)

    assert cost.operations == ["BatchGetItem"]
    assert (cost.read_units, cost.write_units) == (2, 0)


def test_what_was_stored_is_one_query_more(organizations_api: Api, own: dict[str, Any]) -> None:
    cost = cost_of(organizations_api, "storageUsage", **own)

    assert cost.operations == ["BatchGetItem", "Query"]
    assert (cost.read_units, cost.write_units) == (3, 0)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("updateOrganization", {"name": "Ajax"}),
        ("updateOrganizationSettings", {"joinByDomain": True}),
    ],
)
def test_a_change_is_one_read_and_one_write(
    organizations_api: Api, own: dict[str, Any], name: str, values: dict[str, Any]
) -> None:
    cost = cost_of(organizations_api, name, {"input": values}, **own)

    assert cost.operations == ["BatchGetItem", "UpdateItem"]
    assert (cost.read_units, cost.write_units, cost.index_write_units) == (2, 1, 0)


def test_a_change_that_changes_nothing_writes_nothing(
    organizations_api: Api, own: dict[str, Any]
) -> None:
    cost = cost_of(organizations_api, "updateOrganization", {"input": {"name": "Acme"}}, **own)

    assert cost.operations == ["BatchGetItem"]


def test_a_domain_costs_two_reads_and_a_write(organizations_api: Api, own: dict[str, Any]) -> None:
    domain = {"domain": "acme.example"}

    claimed = cost_of(organizations_api, "claimDomain", domain, **own)
    claim = organizations_api.data("claimDomain", domain, **own)
    organizations_api.dns.records[claim["recordName"]] = [claim["recordValue"]]
    verified = cost_of(organizations_api, "verifyDomain", domain, **own)
    released = cost_of(organizations_api, "releaseDomain", domain, **own)

    assert claimed.operations == ["BatchGetItem", "BatchGetItem", "PutItem"]
    assert verified.operations == ["BatchGetItem", "BatchGetItem", "TransactWriteItems"]
    assert released.operations == ["BatchGetItem", "BatchGetItem", "TransactWriteItems"]
    assert (claimed.write_units, verified.write_units, released.write_units) == (1, 4, 4)


def test_a_page_of_memberships_is_two_round_trips(organizations_api: Api) -> None:
    for number in range(25):
        organizations_api.create(f"Acme {number}", user="bob")

    with measured(organizations_api.table._client) as cost:
        page = organization_service().memberships("bob", 25, None)

    assert len(page.items) == 25
    assert cost.operations == ["Query", "BatchGetItem"]
    assert cost.read_units < 28


def test_a_standing_is_one_round_trip(organizations_api: Api, own: dict[str, Any]) -> None:
    with measured(organizations_api.table._client) as cost:
        organization_service().standing_of("ada", own["organization"])

    assert cost.operations == ["BatchGetItem"]
    assert cost.read_units == 2


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("updateUserRole", {"role": "ADMIN"}),
        ("updateMemberPermissions", {"permissions": ["activity:read"]}),
        ("suspendMember", {}),
    ],
)
def test_changing_a_member_is_one_read_and_one_write(
    organizations_api: Api, own: dict[str, Any], name: str, arguments: dict[str, Any]
) -> None:
    organizations_api.join(own["organization"], "bob")

    cost = cost_of(organizations_api, name, {"userId": "bob", **arguments}, **own)

    assert cost.operations == ["BatchGetItem", "UpdateItem"]
    # Caller, organisation and member; the index carries role and status.
    assert (cost.read_units, cost.write_units, cost.index_write_units) == (3, 1, 1)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("removeUser", {"userId": "bob"}),
        ("updateUserRole", {"userId": "bob", "role": "OWNER"}),
    ],
)
def test_what_moves_a_seat_or_an_owner_is_one_transaction_of_two_items(
    organizations_api: Api, own: dict[str, Any], name: str, arguments: dict[str, Any]
) -> None:
    organizations_api.join(own["organization"], "bob")
    organizations_api.join(own["organization"], "cat", Role.OWNER)

    cost = cost_of(organizations_api, name, arguments, **own)

    assert cost.operations == ["BatchGetItem", "TransactWriteItems"]
    assert (cost.read_units, cost.write_units, cost.index_write_units) == (3, 4, 1)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("suspendMember", {"userId": "cat"}),
        ("removeUser", {"userId": "cat"}),
        ("updateUserRole", {"userId": "cat", "role": "ADMIN"}),
    ],
)
def test_where_an_owner_ends_another_one_is_looked_at_in_the_transaction(
    organizations_api: Api, own: dict[str, Any], name: str, arguments: dict[str, Any]
) -> None:
    organizations_api.join(own["organization"], "cat", Role.OWNER)

    cost = cost_of(organizations_api, name, arguments, **own)

    assert cost.operations == ["BatchGetItem", "TransactWriteItems"]
    assert (cost.read_units, cost.write_units, cost.index_write_units) == (3, 6, 1)


def test_an_owner_who_leaves_looks_for_another_one(
    organizations_api: Api, own: dict[str, Any]
) -> None:
    organizations_api.join(own["organization"], "cat", Role.OWNER)

    left = cost_of(organizations_api, "leaveOrganization", **own)

    assert left.operations == ["BatchGetItem", "Query", "TransactWriteItems"]
    assert (left.read_units, left.write_units, left.index_write_units) == (3, 6, 1)


def test_appointing_an_owner(organizations_api: Api, own: dict[str, Any]) -> None:
    organizations_api.join(own["organization"], "bob")
    given = {"organizationId": own["organization"], "userId": "bob", "reason": "r"}

    cost = cost_of(organizations_api, "appointOwner", given, user="root", groups=["SuperAdmin"])

    assert cost.operations == ["GetItem", "BatchGetItem", "TransactWriteItems"]
    # The new owner's item carries two events, and so begins a second KB.
    assert (cost.read_units, cost.write_units, cost.index_write_units) == (3, 6, 1)


def test_leaving_and_handing_over(organizations_api: Api, own: dict[str, Any]) -> None:
    organizations_api.join(own["organization"], "bob")

    handed = cost_of(organizations_api, "transferOwnership", {"userId": "bob"}, **own)
    left = cost_of(organizations_api, "leaveOrganization", **own)

    assert handed.operations == left.operations == ["BatchGetItem", "TransactWriteItems"]
    # The new owner's item carries two events, and so begins a second KB.
    assert (handed.read_units, handed.write_units, handed.index_write_units) == (3, 6, 2)
    assert (left.read_units, left.write_units, left.index_write_units) == (2, 4, 1)


def test_a_page_of_members_is_two_round_trips(organizations_api: Api, own: dict[str, Any]) -> None:
    for number in range(24):
        organizations_api.join(own["organization"], f"m-{number}")

    cost = cost_of(organizations_api, "members", {"first": 25}, **own)

    assert cost.operations == ["BatchGetItem", "Query"]
    assert cost.read_units <= 8


def test_a_support_session_is_opened_and_closed_by_two_items_each(
    organizations_api: Api, own: dict[str, Any]
) -> None:
    operator = {"user": "root", "groups": ["SuperAdmin"]}
    where = {"organizationId": own["organization"]}

    opening = {**where, "reason": "ticket 42", "minutes": 30}
    opened = cost_of(organizations_api, "openSupportSession", opening, **operator)
    closed = cost_of(organizations_api, "closeSupportSession", where, **operator)

    for cost in (opened, closed):
        assert cost.operations == ["GetItem", "BatchGetItem", "TransactWriteItems"]
        assert (cost.read_units, cost.write_units, cost.index_write_units) == (5, 4, 1)


def test_a_stored_session_that_breaks_its_schema_is_told_and_the_others_are_closed(
    organizations_api: Api,
    own: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    for number in range(3):
        past = SupportSession(
            tenant_id=own["organization"],
            session_id=f"s-{number}",
            operator_id=f"root-{number}",
            reason="ticket 42",
            opened_at=START - timedelta(days=9),
            expires_at=START - timedelta(days=8, minutes=-number),
        )
        DynamoDBSupportRepository(organizations_api.table).open(past, event(), None, None)
    where = key(organization_pk(own["organization"]), "SUPPORT#s-0")
    broken = organizations_api.table.get(where)
    assert broken
    organizations_api.table.put({**broken, "reason": None})

    for run in range(2):
        capsys.readouterr()
        caplog.clear()
        answer = sweep_support.handler({}, lambda_context(remaining_ms=60_000))
        assert answer["closed"] == (2 if run == 0 else 0)
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [line["LeftAside"] for line in lines if "LeftAside" in line] == [[1.0]]
        [said] = [record for record in caplog.records if record.levelname == "ERROR"]
        assert said.__dict__["tenant_id"] == own["organization"]


def test_a_sweep_of_support_sessions_is_a_query_and_reads_and_closes_what_is_due(
    organizations_api: Api, own: dict[str, Any]
) -> None:
    def swept() -> Cost:
        with measured(organizations_api.table._client) as cost:
            sweep_support.handler({}, lambda_context(remaining_ms=60_000))
        return cost

    nothing_due = swept()
    past = SupportSession(
        tenant_id=own["organization"],
        session_id="s-1",
        operator_id="root",
        reason="ticket 42",
        opened_at=START - timedelta(days=9),
        expires_at=START - timedelta(days=8),
    )
    DynamoDBSupportRepository(organizations_api.table).open(past, event(), None, None)
    one_due, again = swept(), swept()

    for cost in (nothing_due, again):
        assert (cost.operations, cost.read_units) == (["Query"], 0.5)
    assert one_due.operations == ["Query", "BatchGetItem", "TransactWriteItems"]
    assert (one_due.read_units, one_due.write_units, one_due.index_write_units) == (1.5, 4, 1)
