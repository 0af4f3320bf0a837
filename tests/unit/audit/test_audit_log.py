"""The audit log: all that is kept, filters in any combination, how far a page looks, who may."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.audit.model import Selection
from tenantry.audit.service import AT_ONCE, LOOKED_AT_A_PAGE, AuditLogService
from tenantry.errors import ForbiddenError, InvalidInputError
from tenantry.messaging.event import Actor, RequestOrigin
from tenantry.tenancy.roles import Role
from tests.support.fakes.audit import InMemoryAudit, KnownNames
from tests.unit.audit.test_activity import ADA, NOW, Stands, envelope, recorded


def service(audit: InMemoryAudit, **more: Any) -> AuditLogService:
    return AuditLogService(Stands(**more), audit, KnownNames({"ada": "Ada"}), now=lambda: NOW)


def all_ids(log: AuditLogService, first: int, chosen: dict[str, Any] | None = None) -> list[str]:
    found: list[str] = []
    after = None
    while True:
        page = log.audit_log(ADA, first, after, chosen)
        assert len(page.items) <= first
        found += [item.entry.event_id for item in page.items]
        after = page.next_cursor
        if after is None:
            return found


def test_an_entry_keeps_who_in_which_role_for_whom_from_where_and_under_which_id() -> None:
    actor = Actor(id="root", kind="operator", role="ADMIN", on_behalf_of="s-1")
    request = RequestOrigin(source_ip="203.0.113.7", user_agent="tests/1.0")
    told = envelope(1, NOW, actor=actor, request=request, correlation_id="c-1")

    [item] = service(recorded(told)).audit_log(ADA, None, None, None).items

    assert (item.entry.actor, item.entry.request) == (actor, request)
    assert item.entry.correlation_id == "c-1"
    assert item.actor_name is None, "an operator is no member, and is not named"


KINDS = st.fixed_dictionaries(
    {
        "actor": st.sampled_from(["ada", "bob"]),
        "type": st.sampled_from(["MemberJoined", "OrganizationUpdated"]),
        "entity_id": st.sampled_from(["t-1", "u-1"]),
        "entity_type": st.sampled_from(["Organization", "Member"]),
        "correlation_id": st.sampled_from(["c-1", "c-2"]),
    }
)


@given(
    happened=st.lists(KINDS, max_size=30),
    asked=KINDS,
    named=st.sets(st.sampled_from(["actor", "type", "entity_id", "entity_type", "correlation_id"])),
    first=st.integers(1, 7),
)
def test_filters_in_any_combination_find_what_has_all_of_it(
    happened: list[dict[str, str]], asked: dict[str, str], named: set[str], first: int
) -> None:
    audit = recorded(
        *(
            envelope(
                number,
                NOW - timedelta(days=9 * number),
                **{**each, "actor": Actor(id=each["actor"])},
            )
            for number, each in enumerate(happened)
        )
    )
    api = {
        "actor": "actorId",
        "type": "type",
        "entity_id": "entityId",
        "entity_type": "entityType",
        "correlation_id": "correlationId",
    }
    expected = [
        f"e-{number:04}"
        for number, each in enumerate(happened)
        if all(each[name] == asked[name] for name in named)
    ]

    found = all_ids(service(audit), first, {api[name]: asked[name] for name in named})

    assert found == expected


@pytest.mark.parametrize("chosen", [None, {"actorId": "ada"}, {"entityType": "Organization"}])
def test_the_log_goes_on_without_what_is_damaged(chosen: dict[str, Any] | None) -> None:
    audit = recorded(*(envelope(n, NOW - timedelta(days=n)) for n in range(1, 40)))
    audit.damaged = {entry.position for entry in audit.entries.values() if "1" in entry.event_id}

    left = [f"e-{n:04}" for n in range(1, 40) if "1" not in str(n)]
    assert [all_ids(service(audit), first, chosen) for first in (1, 7, 50)] == [left] * 3


def test_a_page_looks_at_so_many_entries_and_then_goes_on() -> None:
    many = LOOKED_AT_A_PAGE + 50
    rare = {many - 1: {"correlation_id": "c-rare"}}
    times = ((number, NOW - timedelta(seconds=number)) for number in range(many))
    audit = recorded(*(envelope(number, at, **rare.get(number, {})) for number, at in times))
    log = service(audit)

    first = log.audit_log(ADA, 10, None, {"correlationId": "c-rare"})
    assert (first.items, audit.queries) == ((), LOOKED_AT_A_PAGE / AT_ONCE)
    assert first.next_cursor

    assert all_ids(log, 10, {"correlationId": "c-rare"}) == [f"e-{many - 1:04}"]


def test_a_time_is_from_inclusive_to_exclusive() -> None:
    audit = recorded(*(envelope(n, NOW - timedelta(days=n)) for n in range(6)))
    chosen = {"from": NOW - timedelta(days=4), "to": NOW - timedelta(days=1)}

    assert all_ids(service(audit), 2, chosen) == ["e-0002", "e-0003", "e-0004"]
    assert all_ids(service(audit), 2, {"from": NOW, "to": NOW}) == []


@pytest.mark.parametrize("role", [Role.MANAGER, Role.MEMBER, Role.VIEWER])
def test_only_administrators_read_the_log(role: Role) -> None:
    with pytest.raises(ForbiddenError):
        service(InMemoryAudit(), role=role).audit_log(ADA, None, None, None)


@pytest.mark.parametrize(
    "chosen", [{"actorId": "a#b"}, {"correlationId": "a b"}, {"entityType": ""}, {"colour": "red"}]
)
def test_a_filter_that_is_none_is_refused(chosen: dict[str, str]) -> None:
    with pytest.raises(InvalidInputError):
        service(InMemoryAudit()).audit_log(ADA, None, None, chosen)


def test_the_narrowest_index_is_searched() -> None:
    assert Selection().index is None
    assert Selection(type="T", actorId="a").index == ("actor_id", "a")
    assert Selection(actorId="a", entityId="e").index == ("entity_id", "e")


def test_what_happens_to_a_user_is_told_to_the_organisations_it_concerns_and_no_more() -> None:
    told = envelope(
        1,
        datetime(2026, 3, 1, tzinfo=UTC),
        tenant_id=None,
        entity_type="User",
        entity_id="ada",
        data={"user_id": "ada", "organization_ids": ["t-1", "t-2"]},
    )
    audit = recorded(told, told)

    # With the person's own log, and the platform's of its people.
    assert len(audit.entries) == 4
    [item] = service(audit).audit_log(ADA, None, None, None).items
    assert item.entry.tenant_id == "t-1"
    assert item.entry.data == {"user_id": "ada"}, "which others they belong to is nobody's business"


def test_an_event_of_an_organisation_names_no_other_to_be_told() -> None:
    audit = recorded(envelope(1, NOW, data={"organization_ids": ["t-2"]}))

    assert {tenant for tenant, _ in audit.entries} == {"t-1"}
