"""What people see and change of themselves, and operators of people."""

from typing import Any

import pytest

from tenantry.errors import (
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    NoOrganizationError,
    NotAMemberError,
    NotFoundError,
)
from tenantry.identity.model import Profile, UserStatus
from tenantry.identity.service import OperatorStanding, ProfileService
from tenantry.tenancy.access import MemberStatus
from tenantry.tenancy.caller import Caller
from tests.support.clock import FakeClock
from tests.support.fakes.identity import (
    FakeOrganizations,
    FakeUserDirectory,
    InMemoryProfileRepository,
)

POOL = "eu-central-1_TestPool1"
ADA = Caller(user_id="ada", tenant_id="o-1")
OPERATOR = Caller(user_id="op", groups=frozenset({"SuperAdmin"}))


def test_me_is_one_read_of_profile_and_organisation(
    people: ProfileService,
    ada: Profile,
    profiles: InMemoryProfileRepository,
    organizations: FakeOrganizations,
) -> None:
    profiles.profiles["ada"] = ada.changed(active_organization_id="o-1")
    membership = organizations.add("o-1", "ada")

    person = people.me(ADA)

    assert person.active == membership
    assert (profiles.reads, organizations.reads) == (1, 0)


def test_me_shows_the_organisation_switched_to_though_the_token_is_older(
    people: ProfileService,
    ada: Profile,
    profiles: InMemoryProfileRepository,
    organizations: FakeOrganizations,
) -> None:
    profiles.profiles["ada"] = ada.changed(active_organization_id="o-2")
    organizations.add("o-1", "ada")
    newer = organizations.add("o-2", "ada")

    assert people.me(ADA).active == newer


@pytest.mark.parametrize("status", [MemberStatus.REMOVED, MemberStatus.SUSPENDED])
def test_me_shows_no_organisation_that_the_person_has_left(
    people: ProfileService, ada: Profile, organizations: FakeOrganizations, status: MemberStatus
) -> None:
    organizations.add("o-1", "ada", status=status)

    assert people.me(ADA).active is None


def test_me_without_a_profile_says_what_to_do(people: ProfileService) -> None:
    with pytest.raises(NotFoundError, match="sign in again"):
        people.me(ADA)


def test_a_suspended_person_sees_nothing_with_a_token_that_is_still_valid(
    people: ProfileService, ada: Profile, profiles: InMemoryProfileRepository
) -> None:
    profiles.profiles["ada"] = ada.changed(status=UserStatus.SUSPENDED)

    with pytest.raises(ForbiddenError):
        people.me(ADA)
    with pytest.raises(ForbiddenError):
        people.update(ADA, {"name": "x"})
    with pytest.raises(ForbiddenError):
        people.switch(ADA, "o-1")


def test_what_is_given_is_changed_and_the_event_names_it(
    people: ProfileService, ada: Profile, profiles: InMemoryProfileRepository, clock: FakeClock
) -> None:
    values = {
        "name": "Countess",
        "locale": "EN_gb",
        "timeZone": "Europe/London",
        "avatarKey": "users/ada/avatars/1.png",
    }

    profile = people.update(ADA, values).profile

    assert (profile.name, profile.locale) == ("Countess", "en-GB")
    assert (profile.time_zone, profile.avatar_key) == ("Europe/London", "users/ada/avatars/1.png")
    assert (profile.entity_version, profile.updated_at) == (2, clock())
    assert profiles.profiles["ada"] == profile
    assert profiles.events[0].data == {
        "user_id": "ada",
        "fields": ["avatar_key", "locale", "name", "time_zone"],
    }


def test_null_clears_the_name_and_what_is_left_out_stays(
    people: ProfileService, ada: Profile
) -> None:
    people.update(ADA, {"locale": "de"})

    profile = people.update(ADA, {"name": None}).profile

    assert (profile.name, profile.locale) == (None, "de")


def test_nothing_new_changes_nothing(
    people: ProfileService, ada: Profile, profiles: InMemoryProfileRepository
) -> None:
    profile = people.update(ADA, {"name": "Ada", "locale": None}).profile

    assert profile == ada
    assert profiles.events == []


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"name": 5}, "name"),
        ({"locale": "english"}, "locale"),
        ({"locale": "e"}, "locale"),
        ({"locale": "de\n"}, None),
        ({"timeZone": "Europe/Atlantis"}, "timeZone"),
        ({"timeZone": "../../etc/passwd"}, "timeZone"),
        ({"timeZone": "localtime"}, "timeZone"),
        ({"timeZone": ""}, "timeZone"),
        ({"timeZone": "Europe"}, "timeZone"),
        ({"avatarKey": "users/bob/avatars/1.png"}, "avatarKey"),
        ({"avatarKey": "users/ada/avatars/../1.png"}, "avatarKey"),
        ({"avatarKey": "https://evil.example/1.png"}, "avatarKey"),
        ({"status": "SUSPENDED"}, "status"),
        ({"email": "x@y.z"}, "email"),
        ({"activeOrganizationId": "o-9"}, "activeOrganizationId"),
        ({"expectedVersion": 0}, "expectedVersion"),
    ],
)
def test_what_breaks_a_rule_is_refused_by_its_field(
    people: ProfileService, ada: Profile, values: dict[str, Any], field: str | None
) -> None:
    if field is None:
        assert people.update(ADA, values).profile.locale == "de"
        return
    with pytest.raises(InvalidInputError) as refused:
        people.update(ADA, values)
    assert [fault["field"] for fault in refused.value.faults] == [field]


def test_a_change_of_a_stale_version_is_refused(people: ProfileService, ada: Profile) -> None:
    people.update(ADA, {"name": "One", "expectedVersion": 1})

    with pytest.raises(ConflictError):
        people.update(ADA, {"name": "Two", "expectedVersion": 1})


def test_a_change_meets_another_one_and_both_stand(
    people: ProfileService, ada: Profile, profiles: InMemoryProfileRepository
) -> None:
    def meanwhile() -> None:
        profiles.profiles["ada"] = ada.changed(locale="de")

    profiles.before_save = meanwhile

    profile = people.update(ADA, {"name": "Countess"}).profile

    assert (profile.name, profile.locale) == ("Countess", "de")


def test_a_change_of_a_given_version_does_not_go_over_another_one(
    people: ProfileService, ada: Profile, profiles: InMemoryProfileRepository
) -> None:
    def meanwhile() -> None:
        profiles.profiles["ada"] = ada.changed(locale="de")

    profiles.before_save = meanwhile

    with pytest.raises(ConflictError):
        people.update(ADA, {"name": "Countess", "expectedVersion": 1})


def test_switching_makes_the_organisation_the_default_of_new_tokens(
    people: ProfileService,
    ada: Profile,
    profiles: InMemoryProfileRepository,
    organizations: FakeOrganizations,
) -> None:
    membership = organizations.add("o-2", "ada")

    assert people.switch(ADA, "o-2") == membership
    assert people.switch(ADA, "o-2") == membership

    assert profiles.profiles["ada"].active_organization_id == "o-2"
    assert profiles.told == ["ActiveOrganizationSwitched"]


@pytest.mark.parametrize("status", [None, *(s for s in MemberStatus if s != "ACTIVE")])
def test_switching_to_an_organisation_of_others_is_refused(
    people: ProfileService,
    ada: Profile,
    organizations: FakeOrganizations,
    profiles: InMemoryProfileRepository,
    status: MemberStatus | None,
) -> None:
    if status:
        organizations.add("o-2", "ada", status=status)

    with pytest.raises(NotAMemberError):
        people.switch(ADA, "o-2")

    assert profiles.events == []


def test_memberships_are_pages_and_none_has_a_code(
    people: ProfileService, organizations: FakeOrganizations
) -> None:
    with pytest.raises(NoOrganizationError):
        people.memberships(ADA, None, None)
    organizations.add("o-1", "ada")
    organizations.add("o-2", "ada")

    page = people.memberships(ADA, 1, None)

    assert [each.organization_id for each in page.items] == ["o-1"]
    assert page.next_cursor is not None


def test_an_operator_suspends_a_person_and_ends_their_sessions(
    people: ProfileService,
    operator: Profile,
    ada: Profile,
    profiles: InMemoryProfileRepository,
    pool: FakeUserDirectory,
) -> None:
    profile = people.suspend(OPERATOR, POOL, "ada", "fraud")

    assert profile.status is UserStatus.SUSPENDED
    assert pool.signed_out == ["ada"]
    event = profiles.events[0]
    assert (event.type, event.actor.id, event.actor.kind) == ("UserSuspended", "op", "operator")
    assert event.data == {"user_id": "ada", "reason": "fraud"}


def test_suspending_again_tells_nothing_new_but_ends_sessions_again(
    people: ProfileService,
    operator: Profile,
    ada: Profile,
    profiles: InMemoryProfileRepository,
    pool: FakeUserDirectory,
) -> None:
    people.suspend(OPERATOR, POOL, "ada", "fraud")

    people.suspend(OPERATOR, POOL, "ada", "fraud")

    assert profiles.told == ["UserSuspended"]
    assert pool.signed_out == ["ada", "ada"]


def test_a_reactivated_person_is_let_in_again(
    people: ProfileService,
    operator: Profile,
    ada: Profile,
    profiles: InMemoryProfileRepository,
) -> None:
    people.suspend(OPERATOR, POOL, "ada", "fraud")

    people.reactivate(OPERATOR, "ada", "a mistake")

    assert people.me(ADA).profile.status is UserStatus.ACTIVE
    assert profiles.told == ["UserSuspended", "UserReactivated"]


@pytest.mark.parametrize("groups", [set(), {"OrgAdmin"}, {"superadmin"}])
def test_nobody_else_decides_about_people(
    people: ProfileService, ada: Profile, profiles: InMemoryProfileRepository, groups: set[str]
) -> None:
    caller = Caller(user_id="eve", groups=frozenset(groups))

    with pytest.raises(ForbiddenError):
        people.suspend(caller, POOL, "ada", "because")
    with pytest.raises(ForbiddenError):
        people.reactivate(caller, "ada", "because")

    assert profiles.events == []


@pytest.mark.parametrize("standing", [UserStatus.SUSPENDED, None])
def test_an_operator_whose_account_is_not_active_decides_nothing(
    people: ProfileService,
    operator: Profile,
    ada: Profile,
    profiles: InMemoryProfileRepository,
    pool: FakeUserDirectory,
    standing: UserStatus | None,
) -> None:
    """Their token still names the operators' group: least of all do they let themselves in."""
    if standing:
        profiles.profiles["op"] = operator.changed(status=standing)
    else:
        del profiles.profiles["op"]
    before = dict(profiles.profiles)

    for user_id in ("ada", "op"):
        with pytest.raises(ForbiddenError, match="suspended"):
            people.suspend(OPERATOR, POOL, user_id, "because")
        with pytest.raises(ForbiddenError, match="suspended"):
            people.reactivate(OPERATOR, user_id, "because")

    assert profiles.profiles == before
    assert (profiles.events, pool.signed_out) == ([], [])


def test_the_standing_of_an_operator_is_one_read(
    operator: Profile, profiles: InMemoryProfileRepository
) -> None:
    standing = OperatorStanding(profiles)
    profiles.reads = 0

    standing.require_active(OPERATOR)

    assert profiles.reads == 1
    with pytest.raises(ForbiddenError, match="operators"):
        standing.require_active(Caller(user_id="op"))
    with pytest.raises(ForbiddenError, match="suspended"):
        standing.require_active(Caller(user_id="nobody", groups=OPERATOR.groups))


def test_operators_decide_neither_about_themselves_nor_about_nobody(
    people: ProfileService, operator: Profile
) -> None:
    with pytest.raises(ConflictError, match="yourself"):
        people.suspend(OPERATOR, POOL, "op", "tired")
    with pytest.raises(ConflictError, match="yourself"):
        people.reactivate(OPERATOR, "op", "rested")
    with pytest.raises(NotFoundError):
        people.suspend(OPERATOR, POOL, "nobody", "who?")
    with pytest.raises(InvalidInputError):
        people.suspend(OPERATOR, POOL, "a#b", "  ")
