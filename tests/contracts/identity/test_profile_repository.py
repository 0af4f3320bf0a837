"""Profiles, in memory and in DynamoDB alike."""

from datetime import UTC, datetime
from typing import Protocol

import pytest

from tenantry.errors import ConflictError
from tenantry.identity.dynamodb import DynamoDBHomes, DynamoDBProfileRepository
from tenantry.identity.events import ProfileUpdated, UserRegistered
from tenantry.identity.model import Membership, Profile, UserStatus
from tenantry.identity.repository import ProfileRepository
from tenantry.messaging.event import Event
from tenantry.messaging.stamp import Cause, Stamp
from tenantry.organizations.dynamodb import (
    DynamoDBDomainRepository,
    DynamoDBOrganizationRepository,
)
from tenantry.organizations.service import OrganizationService
from tenantry.persistence.keys import member_key
from tenantry.persistence.table import Table
from tenantry.tenancy.access import MemberStatus, OrganizationStatus
from tenantry.tenancy.roles import Role
from tests.support.clock import START, FakeIds
from tests.support.fakes.identity import FakeOrganizations, InMemoryProfileRepository
from tests.support.fakes.organizations import FakeOperators
from tests.support.faults import injected, lose_answer, recorded

ADA = Profile(
    user_id="u-1",
    user_name="u-1",
    email="ada@example.com",
    created_at=START,
    updated_at=START,
)


class Founding(Protocol):
    """Makes an organisation of a user; answers its id."""

    def __call__(self, user_id: str) -> str: ...


class NoDns:
    def texts(self, name: str) -> list[str]:
        return []


@pytest.fixture(params=["in memory", "dynamodb"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def organizations() -> FakeOrganizations:
    return FakeOrganizations()


@pytest.fixture
def profiles(
    kind: str, organizations: FakeOrganizations, request: pytest.FixtureRequest
) -> ProfileRepository:
    if kind == "in memory":
        return InMemoryProfileRepository(organizations)
    return DynamoDBProfileRepository(request.getfixturevalue("platform_table"))


@pytest.fixture
def found(
    kind: str, organizations: FakeOrganizations, stamp: Stamp, request: pytest.FixtureRequest
) -> Founding:
    """The organisations context's own founding, so that both agree on what is stored."""
    if kind == "in memory":
        return lambda user_id: organizations.found(user_id, "Engines", Cause())
    table: Table = request.getfixturevalue("platform_table")
    service = OrganizationService(
        organizations=DynamoDBOrganizationRepository(table),
        domains=DynamoDBDomainRepository(table),
        dns=NoDns(),
        operators=FakeOperators(),
        stamp=stamp,
        new_token=FakeIds("f"),
    )
    return lambda user_id: service.found(user_id, "Engines", Cause())


def registered(stamp: Stamp) -> Event:
    return stamp.event(UserRegistered(user_id="u-1", locale="en"), Cause())


def updated(stamp: Stamp) -> Event:
    return stamp.event(ProfileUpdated(user_id="u-1", fields=("name",)), Cause())


def test_a_profile_is_found_as_it_was_made(profiles: ProfileRepository, stamp: Stamp) -> None:
    whole = ADA.model_copy(
        update={
            "name": "Ada 🧮",
            "avatar_key": "users/u-1/avatars/1.png",
            "active_organization_id": "o-1",
            "last_login_at": datetime(2026, 3, 1, 8, 30, 15, 123456, tzinfo=UTC),
        }
    )

    assert profiles.get("u-1") is None
    assert profiles.create(whole, (registered(stamp),)) == whole
    assert profiles.get("u-1") == whole


def test_the_first_profile_stands(profiles: ProfileRepository, stamp: Stamp) -> None:
    profiles.create(ADA, (registered(stamp),))

    second = profiles.create(ADA.model_copy(update={"name": "Eve"}), (registered(stamp),))

    assert second == ADA
    assert profiles.get("u-1") == ADA


def test_a_change_is_stored(profiles: ProfileRepository, stamp: Stamp) -> None:
    profiles.create(ADA, (registered(stamp),))
    named = ADA.changed(name="Ada", status=UserStatus.SUSPENDED)
    profiles.save(ADA, named, (updated(stamp),))
    assert profiles.get("u-1") == named

    cleared = named.changed(name=None)
    profiles.save(named, cleared, (updated(stamp),))

    assert profiles.get("u-1") == cleared


def test_a_change_of_a_stale_version_is_refused(profiles: ProfileRepository, stamp: Stamp) -> None:
    profiles.create(ADA, (registered(stamp),))
    profiles.save(ADA, ADA.changed(name="One"), (updated(stamp),))

    with pytest.raises(ConflictError):
        profiles.save(ADA, ADA.changed(name="Two"), (updated(stamp),))

    assert profiles.get("u-1") == ADA.changed(name="One")


def test_a_change_of_nobody_is_refused(profiles: ProfileRepository, stamp: Stamp) -> None:
    with pytest.raises(ConflictError):
        profiles.save(ADA, ADA.changed(name="One"), (updated(stamp),))


def test_a_change_that_was_stored_already_counts_as_stored(
    profiles: ProfileRepository, stamp: Stamp
) -> None:
    profiles.create(ADA, (registered(stamp),))
    event = updated(stamp)
    profiles.save(ADA, ADA.changed(name="One"), (event,))

    profiles.save(ADA, ADA.changed(name="One"), (event,))

    assert profiles.get("u-1") == ADA.changed(name="One")


def test_what_happens_at_once_is_stored_at_once(profiles: ProfileRepository, stamp: Stamp) -> None:
    profiles.create(ADA, (registered(stamp),))
    happened = (updated(stamp), updated(stamp))
    after = ADA.changed(name="One", email="new@example.com")

    profiles.save(ADA, after, happened)
    profiles.save(ADA, after, happened)

    assert profiles.get("u-1") == after


def test_an_overview_shows_the_person_and_their_membership(
    profiles: ProfileRepository, found: Founding, stamp: Stamp
) -> None:
    profiles.create(ADA, (registered(stamp),))
    organization_id = found("u-1")

    overview = profiles.overview("u-1", organization_id)

    assert overview.profile == ADA
    assert isinstance(overview.membership, Membership)
    assert overview.membership.organization_id == organization_id
    assert overview.membership.name == "Engines"
    assert overview.membership.slug
    assert overview.membership.role is Role.OWNER
    assert overview.membership.status is MemberStatus.ACTIVE
    assert overview.membership.plan == "FREE"
    assert overview.membership.organization_status is OrganizationStatus.ACTIVE
    assert overview.membership.joined_at.tzinfo is not None


def test_an_overview_shows_no_membership_of_others(
    profiles: ProfileRepository, found: Founding
) -> None:
    organization_id = found("u-2")

    assert profiles.overview("u-1", organization_id).membership is None
    assert profiles.overview("u-1", "o-none").membership is None
    assert profiles.overview("u-1", None).membership is None
    assert profiles.overview("u-1", None).profile is None


@pytest.mark.parametrize("kind", ["dynamodb"], indirect=True)
def test_an_overview_is_one_round_trip(profiles: ProfileRepository) -> None:
    with recorded() as calls:
        profiles.overview("u-1", "o-1")

    assert calls.operations == ["BatchGetItem"]


@pytest.mark.parametrize("kind", ["dynamodb"], indirect=True)
def test_writes_whose_answers_are_lost_count_once(
    profiles: ProfileRepository, platform_table: Table, stamp: Stamp
) -> None:
    with injected(lose_answer(at=1)):
        profiles.create(ADA, (registered(stamp),))
    with injected(lose_answer(at=1)):
        profiles.save(ADA, ADA.changed(name="One"), (updated(stamp),))

    assert profiles.get("u-1") == ADA.changed(name="One")
    item = platform_table.get({"PK": "USER#u-1", "SK": "PROFILE"})
    assert item
    assert item["entity_version"] == 2
    assert [event["type"] for event in item["events"]] == ["ProfileUpdated"]


def test_a_person_belongs_to_organisations_that_they_have_not_left(platform_table: Table) -> None:
    for number, status in enumerate(("ACTIVE", "REMOVED", "SUSPENDED")):
        platform_table.put(
            {
                **member_key(f"t-{number}", "ada"),
                "GSI1PK": "USER#ada",
                "GSI1SK": f"ORG#t-{number}",
                "tenant_id": f"t-{number}",
                "status": status,
            }
        )

    assert DynamoDBHomes(platform_table).of("ada", 10) == ("t-0", "t-2")
    assert DynamoDBHomes(platform_table).of("bob", 10) == ()
