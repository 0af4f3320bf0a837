"""Organisations and members, on the fake and on DynamoDB alike."""

from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from tenantry.errors import ConflictError, LimitExceededError, SlugTakenError
from tenantry.messaging.event import Event
from tenantry.organizations.model import Member, Organization, PlanName, Settings
from tenantry.organizations.repository import Acting, OrganizationRepository
from tenantry.tenancy.access import MemberStatus, OrganizationStatus
from tenantry.tenancy.roles import Role
from tests.contracts.organizations.conftest import Stores
from tests.support.clock import START

_numbers = count(1)


def event(name: str = "SomethingHappened") -> Event:
    return Event(
        id=f"e-{next(_numbers)}",
        type=name,
        context="organizations",
        occurred_at=START,
        actor={"id": "u-1"},
        data={},
    )


def organization(tenant_id: str = "t-1", slug: str = "acme", **more: Any) -> Organization:
    return Organization(
        tenant_id=tenant_id,
        name="Acme",
        slug=slug,
        founder_id="u-1",
        fingerprint="f",
        used_users=1,
        created_at=START,
        updated_at=START,
        **more,
    )


def member(tenant_id: str = "t-1", user_id: str = "u-1", **more: Any) -> Member:
    return Member(
        **{
            "tenant_id": tenant_id,
            "user_id": user_id,
            "role": Role.OWNER,
            "joined_at": START,
            **more,
        }
    )


def create(
    repository: OrganizationRepository,
    made: Organization,
    user_id: str = "u-1",
    at_most: int = 100,
) -> Organization:
    return repository.create(made, member(made.tenant_id, user_id), event(), event(), at_most)


def test_what_was_created_is_read_whole(organizations: OrganizationRepository) -> None:
    settings = Settings(allowed_domains=("example.com",), feature_flags={"beta": True})
    made = organization(description="Tools", industry="Software", settings=settings)

    create(organizations, made)

    assert organizations.get("t-1") == made
    assert organizations.acting("t-1", "u-1") == Acting(made, member())


def test_a_user_founds_so_many_and_no_more(organizations: OrganizationRepository) -> None:
    for number in range(3):
        create(organizations, organization(f"t-{number}", f"acme-{number}"), at_most=3)

    with pytest.raises(LimitExceededError):
        create(organizations, organization("t-4", "acme-4"), at_most=3)

    assert organizations.get("t-4") is None
    again = organization("t-1", "acme-1")
    assert create(organizations, again, at_most=3).tenant_id == "t-1"
    create(organizations, organization("t-5", "acme-5"), "u-2", at_most=3)


def test_a_founding_that_is_refused_is_not_counted(organizations: OrganizationRepository) -> None:
    create(organizations, organization("t-1", "acme"), at_most=2)
    for number in (2, 3):
        with pytest.raises(SlugTakenError):
            create(organizations, organization(f"t-{number}", "acme"), at_most=2)

    create(organizations, organization("t-4", "other"), at_most=2)


def test_what_is_missing_is_none(organizations: OrganizationRepository) -> None:
    assert organizations.get("t-1") is None
    assert organizations.acting("t-1", "u-1") == Acting(None, None)


def test_a_slug_names_one_organisation(organizations: OrganizationRepository) -> None:
    create(organizations, organization("t-1"))

    with pytest.raises(SlugTakenError):
        create(organizations, organization("t-2"))

    assert organizations.acting("t-2", "u-1") == Acting(None, None)


def test_creating_again_answers_what_stands_there(organizations: OrganizationRepository) -> None:
    first = create(organizations, organization())

    assert create(organizations, organization(slug="other", description="later")) == first
    assert create(organizations, organization("t-2", slug="other")).tenant_id == "t-2"


def test_a_change_is_stored_over_the_state_it_was_made_on(
    organizations: OrganizationRepository,
) -> None:
    before = create(organizations, organization(description="old"))
    after = before.changed(START + timedelta(days=1), name="Ajax", description=None)

    organizations.save(before, after, event())

    assert organizations.get("t-1") == after


def test_a_stale_change_is_refused(organizations: OrganizationRepository) -> None:
    before = create(organizations, organization())
    organizations.save(before, before.changed(START, name="First"), event())

    with pytest.raises(ConflictError):
        organizations.save(before, before.changed(START, name="Second"), event())

    stored = organizations.get("t-1")
    assert stored is not None
    assert stored.name == "First"


def test_a_change_whose_answer_was_lost_counts_once(
    organizations: OrganizationRepository,
) -> None:
    before = create(organizations, organization())
    after, renamed = before.changed(START, name="Ajax"), event()
    organizations.save(before, after, renamed)

    organizations.save(before, after, renamed)

    assert organizations.get("t-1") == after


def test_joining_takes_a_seat(organizations: OrganizationRepository) -> None:
    made = create(organizations, organization())
    joining = member(user_id="u-2", role=Role.MEMBER)

    organizations.join(joining, made, event())

    found = organizations.acting("t-1", "u-2")
    assert found.member == joining
    assert found.organization is not None
    assert found.organization.used_users == 2


def test_a_change_leaves_the_seats_that_were_taken_meanwhile(
    organizations: OrganizationRepository,
) -> None:
    before = create(organizations, organization())
    organizations.join(member(user_id="u-2"), before, event())

    organizations.save(before, before.changed(START, name="Ajax"), event())

    stored = organizations.get("t-1")
    assert stored is not None
    assert (stored.name, stored.used_users) == ("Ajax", 2)


def test_nobody_joins_past_the_last_seat(organizations: OrganizationRepository) -> None:
    made = create(organizations, organization())
    for number in range(2, 6):
        organizations.join(member(user_id=f"u-{number}"), made, event())

    with pytest.raises(LimitExceededError):
        organizations.join(member(user_id="u-6"), made, event())

    found = organizations.acting("t-1", "u-6")
    assert found.member is None
    assert found.organization is not None
    assert found.organization.used_users == 5


def test_without_a_limit_everybody_joins(organizations: OrganizationRepository) -> None:
    made = create(organizations, organization(plan=PlanName.ENTERPRISE))

    for number in range(2, 30):
        organizations.join(member(user_id=f"u-{number}"), made, event())

    stored = organizations.get("t-1")
    assert stored is not None
    assert stored.used_users == 29


@pytest.mark.parametrize(
    "meanwhile",
    [{"status": OrganizationStatus.SUSPENDED}, {"plan": PlanName.STARTER}],
    ids=["suspended", "other plan"],
)
def test_joining_what_has_changed_since_is_refused(
    organizations: OrganizationRepository, meanwhile: dict[str, Any]
) -> None:
    made = create(organizations, organization())
    organizations.save(made, made.changed(START, **meanwhile), event())

    with pytest.raises(ConflictError):
        organizations.join(member(user_id="u-2"), made, event())

    assert organizations.acting("t-1", "u-2").member is None


def test_joining_twice_takes_one_seat(organizations: OrganizationRepository) -> None:
    made = create(organizations, organization())
    organizations.join(member(user_id="u-2"), made, event())

    with pytest.raises(ConflictError):
        organizations.join(member(user_id="u-2"), made, event())

    stored = organizations.get("t-1")
    assert stored is not None
    assert stored.used_users == 2


def test_memberships_come_in_pages(organizations: OrganizationRepository) -> None:
    for number in range(1, 6):
        create(organizations, organization(f"t-{number}", f"acme-{number}"))
    create(organizations, organization("t-9", "other"), user_id="u-2")

    first, after = organizations.memberships("u-1", 3, None)
    rest, end = organizations.memberships("u-1", 3, after)

    assert [each.organization_id for each in first] == ["t-1", "t-2", "t-3"]
    assert [each.organization_id for each in rest] == ["t-4", "t-5"]
    assert end is None


def test_ended_memberships_are_left_out(organizations: OrganizationRepository) -> None:
    for number in range(1, 5):
        made = organization(f"t-{number}", f"acme-{number}")
        status = MemberStatus.ACTIVE if number == 4 else MemberStatus.REMOVED
        organizations.create(made, member(made.tenant_id, status=status), event(), event(), 100)

    items, after = organizations.memberships("u-1", 2, None)

    assert [each.organization_id for each in items] == ["t-4"]
    assert after is None


def test_whom_the_platform_has_suspended_is_known(stores: Stores) -> None:
    stores.operator("u-1", True)
    stores.operator("u-2", False)

    assert [stores.organizations.is_barred(user) for user in ("u-1", "u-2", "u-3")] == [
        False,
        True,
        False,
    ]
