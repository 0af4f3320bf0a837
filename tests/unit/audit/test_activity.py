"""An organisation's activity: pages, filters, who may look, and how far one page looks."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenantry.audit.model import Entry, instant
from tenantry.audit.service import MONTHS_A_PAGE, ActivityService, RecordingService
from tenantry.errors import ForbiddenError, InvalidInputError, NotAMemberError
from tenantry.messaging.event import Actor, Envelope
from tenantry.tenancy.access import MemberStatus, OrganizationStatus, Standing
from tenantry.tenancy.caller import Caller
from tenantry.tenancy.roles import Role
from tests.support.fakes.audit import InMemoryAudit, KnownNames
from tests.support.fakes.seals import InMemoryOrganizations

BORN = datetime(2024, 1, 15, tzinfo=UTC)
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
ADA = Caller(user_id="ada", tenant_id="t-1")


class Stands:
    """Access that knows one standing."""

    def __init__(self, **more: Any) -> None:
        self._more = more

    def standing(self, caller: Caller) -> Standing:
        fields: dict[str, Any] = {
            "tenant_id": caller.organization_id,
            "user_id": caller.user_id,
            "role": Role.OWNER,
            "member_status": MemberStatus.ACTIVE,
            "organization_status": OrganizationStatus.ACTIVE,
            "plan": "FREE",
            "organization_created_at": BORN,
        }
        return Standing(**{**fields, **self._more})


def envelope(number: int, at: datetime, **more: Any) -> Envelope:
    return Envelope(
        **{
            "id": f"e-{number:04}",
            "type": "OrganizationUpdated",
            "context": "organizations",
            "occurred_at": at,
            "actor": Actor(id="ada"),
            "data": {},
            "tenant_id": "t-1",
            "entity_type": "Organization",
            "entity_id": "t-1",
            "entity_version": number,
            **more,
        }
    )


def service(audit: InMemoryAudit, **more: Any) -> ActivityService:
    names = KnownNames({"ada": "Ada Lovelace", "root": "Root"})
    return ActivityService(Stands(**more), audit, names, now=lambda: NOW)


def recorded(*envelopes: Envelope) -> InMemoryAudit:
    audit = InMemoryAudit()
    for each in envelopes:
        RecordingService(audit, InMemoryOrganizations(), now=lambda: NOW).record(each)
    return audit


def all_pages(
    activities: ActivityService, first: int, chosen: dict[str, Any] | None = None
) -> list[list[str]]:
    """Every page that shows something; those of quiet years are empty and go on."""
    pages, after = [], None
    while True:
        page = activities.activity(ADA, first, after, chosen)
        if page.items:
            pages.append([item.entry.event_id for item in page.items])
        after = page.next_cursor
        if after is None:
            return pages


def test_what_happened_is_shown_newest_first_with_names() -> None:
    operator = Actor(id="root", kind="operator")
    audit = recorded(
        envelope(1, NOW - timedelta(days=40)),
        envelope(2, NOW - timedelta(days=1), actor=operator),
        envelope(3, NOW - timedelta(days=2), actor=Actor(id="gone")),
    )

    page = service(audit, organization_created_at=NOW - timedelta(days=50)).activity(
        ADA, None, None, None
    )

    shown = [(item.entry.event_id, item.actor_name) for item in page.items]
    assert shown == [("e-0002", None), ("e-0003", None), ("e-0001", "Ada Lovelace")]
    assert page.next_cursor is None


def test_repeated_events_in_any_order_are_shown_once() -> None:
    events = [envelope(n, NOW - timedelta(hours=n)) for n in range(1, 5)]
    audit = recorded(*events[::-1], *events, *events)

    assert all_pages(service(audit), 10) == [["e-0001", "e-0002", "e-0003", "e-0004"]]


def test_pages_follow_each_other_without_a_gap() -> None:
    audit = recorded(*(envelope(n, NOW - timedelta(days=11 * n)) for n in range(1, 8)))

    assert all_pages(service(audit), 3) == [
        ["e-0001", "e-0002", "e-0003"],
        ["e-0004", "e-0005", "e-0006"],
        ["e-0007"],
    ]


@pytest.mark.parametrize("damaged", [(1,), (3,), (4, 5), (7,), (1, 2, 3, 4, 5, 6, 7)])
def test_pages_go_on_without_what_is_damaged(damaged: tuple[int, ...]) -> None:
    events = [envelope(n, NOW - timedelta(days=11 * n)) for n in range(1, 8)]
    audit = recorded(*events)
    audit.damaged = {f"{instant(events[n - 1].occurred_at)}#e-{n:04}" for n in damaged}

    for first in (1, 2, 3):
        shown = [each for page in all_pages(service(audit), first) for each in page]
        assert shown == [f"e-{n:04}" for n in range(1, 8) if n not in damaged]


def test_a_full_last_page_ends_the_list() -> None:
    audit = recorded(*(envelope(n, NOW - timedelta(days=n)) for n in range(1, 5)))

    assert [len(page) for page in all_pages(service(audit), 2)] == [2, 2]


def test_a_quiet_time_is_passed_in_bounded_steps() -> None:
    audit = recorded(envelope(1, BORN + timedelta(days=1)))
    activities = service(audit)

    page = activities.activity(ADA, None, None, None)

    assert (page.items, audit.queries) == ((), MONTHS_A_PAGE)
    assert page.next_cursor is not None
    assert all_pages(activities, 5) == [["e-0001"]]


def test_no_month_before_the_organisation_is_looked_into() -> None:
    audit = recorded(envelope(1, NOW - timedelta(days=1)))

    page = service(audit, organization_created_at=NOW - timedelta(days=40)).activity(
        ADA, None, None, None
    )

    assert audit.queries == 3  # January, February and March
    assert len(page.items) == 1


@given(
    st.lists(st.integers(0, int((NOW - BORN).total_seconds())), max_size=40),
    st.integers(1, 7),
)
@settings(max_examples=60)
def test_every_page_size_shows_everything_once(seconds: list[int], first: int) -> None:
    events = [envelope(n, NOW - timedelta(seconds=ago)) for n, ago in enumerate(seconds)]
    expected = sorted(events, key=lambda each: (instant(each.occurred_at), each.id), reverse=True)

    pages = all_pages(service(recorded(*events)), first)

    assert [each for page in pages for each in page] == [each.id for each in expected]
    assert all(len(page) <= first for page in pages)


@pytest.mark.parametrize(
    ("chosen", "shown"),
    [
        ({"actorId": "eve"}, ["e-0002"]),
        ({"type": "MemberJoined"}, ["e-0003"]),
        ({"entityId": "eve"}, ["e-0003"]),
        ({"entityId": "nobody"}, []),
        ({"from": "2026-03-01T09:00:00Z"}, ["e-0001"]),
        ({"to": "2026-03-01T09:00:00Z"}, ["e-0002", "e-0003"]),
        ({"from": "2026-02-28T09:00:00Z", "to": "2026-03-01T10:00:00+01:00"}, ["e-0002"]),
        ({"to": "2020-01-01T00:00:00Z"}, []),
        ({"from": "2030-01-01T00:00:00Z"}, []),
    ],
)
def test_filters_narrow_the_list(chosen: dict[str, Any], shown: list[str]) -> None:
    audit = recorded(
        envelope(1, NOW - timedelta(days=1)),
        envelope(2, NOW - timedelta(days=2), actor=Actor(id="eve")),
        envelope(3, NOW - timedelta(days=3), type="MemberJoined", entity_id="eve"),
    )

    assert all_pages(service(audit), 10, chosen) == ([shown] if shown else [])


@pytest.mark.parametrize(
    "chosen",
    [
        {"actorId": "a", "type": "b"},
        {"actorId": "a#b"},
        {"type": ""},
        {"from": "yesterday"},
        {"to": "0001-01-01T00:00:00+05:00"},
        {"from": "9999-12-31T23:59:59-05:00"},
        {"from": "2026-03-01T09:00:00"},
        {"tenantId": "t-2"},
    ],
)
def test_a_filter_that_makes_no_sense_is_refused(chosen: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        service(InMemoryAudit()).activity(ADA, None, None, chosen)


def cursor(position: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "after",
    [
        "x",
        cursor({}),
        cursor({"at": 1}),
        cursor({"at": "2026-13"}),
        cursor({"at": "2026-03-01T00:00:00.000000Z#a#b"}),
        cursor({"at": "2026-03-01T00:00:00.000000Z"}),
        cursor({"at": "2026-03", "PK": "ORG#t-2#AUDIT#2026-03"}),
        cursor({"at": "ORG#t-2"}),
        "A" * 2000,
    ],
)
def test_a_made_up_cursor_is_refused(after: str) -> None:
    with pytest.raises(InvalidInputError):
        service(InMemoryAudit()).activity(ADA, None, after, None)


def test_a_cursor_of_another_organisation_shows_nothing_of_it() -> None:
    audit = recorded(*(envelope(n, NOW - timedelta(days=n), tenant_id="t-2") for n in range(1, 9)))
    other = service(audit).activity(Caller(user_id="eve", tenant_id="t-2"), 2, None, None)

    page = service(audit).activity(ADA, 2, other.next_cursor, None)

    assert len(other.items) == 2
    assert page.items == ()


@pytest.mark.parametrize("first", [0, 101, -1])
def test_a_page_has_a_bound(first: int) -> None:
    with pytest.raises(InvalidInputError):
        service(InMemoryAudit()).activity(ADA, first, None, None)


@pytest.mark.parametrize("role", [Role.MEMBER, Role.VIEWER])
def test_members_and_viewers_do_not_see_the_activity(role: Role) -> None:
    with pytest.raises(ForbiddenError):
        service(InMemoryAudit(), role=role).activity(ADA, None, None, None)


def test_a_removed_member_sees_nothing() -> None:
    with pytest.raises(NotAMemberError):
        service(InMemoryAudit(), member_status=MemberStatus.REMOVED).activity(ADA, 1, None, None)


def test_a_suspended_organisation_still_sees_its_activity() -> None:
    audit = recorded(envelope(1, NOW - timedelta(days=1)))
    suspended = service(audit, organization_status=OrganizationStatus.SUSPENDED)

    assert len(suspended.activity(ADA, None, None, None).items) == 1


def test_an_entry_carries_no_events_that_could_be_published_again() -> None:
    assert "events" not in Entry.model_fields
