"""Profiles come into being once, with the organisation that was wished for; tokens name it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tenantry.errors import ConflictError, ForbiddenError, UnauthenticatedError, UnavailableError
from tenantry.identity.model import Arrival, Grant, Profile, UserStatus, Wishes, groups_of
from tenantry.identity.service import ArrivalService, Gate
from tenantry.messaging.stamp import Cause, Stamp
from tenantry.tenancy.access import MemberStatus, OrganizationStatus
from tenantry.tenancy.roles import Role
from tests.support.clock import FakeClock
from tests.support.fakes.identity import (
    FakeOrganizations,
    InMemoryProfileRepository,
    InMemorySignUpRepository,
)
from tests.unit.identity.conftest import ADA

CAUSE = Cause()


@pytest.fixture
def wished(kept: InMemorySignUpRepository, clock: FakeClock) -> InMemorySignUpRepository:
    wishes = Wishes(organization_name="Engines", locale="de", name="Ada L.")
    kept.keep("ada", wishes, clock() + timedelta(days=30))
    return kept


def test_a_profile_is_made_of_the_wishes(
    arrivals: ArrivalService, wished: InMemorySignUpRepository, organizations: FakeOrganizations
) -> None:
    profile = arrivals.ensure_profile(ADA, CAUSE)

    assert (profile.email, profile.name, profile.locale) == ("ada@example.com", "Ada L.", "de")
    assert profile.active_organization_id is not None
    assert organizations.names[profile.active_organization_id] == "Engines"
    assert organizations.members[profile.active_organization_id, "ada"].role is Role.OWNER


def test_without_wishes_attributes_are_taken_as_far_as_they_are_usable(
    arrivals: ArrivalService,
) -> None:
    attributes = {
        "sub": "ada",
        "email": "Ada@Example.COM",
        "email_verified": "true",
        "name": "Ada\u202egnp.exe",
        "locale": "pt_br.UTF-8",
    }

    profile = arrivals.ensure_profile(Arrival.of("ada", attributes), CAUSE)

    assert (profile.email, profile.name, profile.locale) == ("ada@example.com", None, "pt-BR")


@pytest.mark.parametrize("email", [None, "", "ada", "ada@", "@example.com", "ada@\ud800"])
def test_nobody_new_gets_a_profile_without_an_address(
    arrivals: ArrivalService, profiles: InMemoryProfileRepository, email: str | None
) -> None:
    attributes = {"sub": "ada", "email_verified": "true"} | ({"email": email} if email else {})

    with pytest.raises(ForbiddenError, match="no e-mail address"):
        arrivals.ensure_profile(Arrival.of("ada", attributes), CAUSE)

    assert profiles.profiles == {}


def test_who_has_a_profile_comes_in_though_the_pool_tells_no_address(
    arrivals: ArrivalService, ada: Profile
) -> None:
    assert arrivals.ensure_profile(Arrival.of("ada", {"sub": "ada"}), CAUSE) == ada


def test_a_second_call_makes_nothing_and_reads_once(
    arrivals: ArrivalService,
    wished: InMemorySignUpRepository,
    profiles: InMemoryProfileRepository,
    organizations: FakeOrganizations,
) -> None:
    first = arrivals.ensure_profile(ADA, CAUSE)
    profiles.reads = 0

    second = arrivals.ensure_profile(ADA, CAUSE)

    assert second == first
    assert profiles.told == ["UserRegistered"]
    assert len(organizations.names) == 1
    assert profiles.reads == 1
    assert organizations.reads == 0


def test_wishes_past_their_time_are_not_granted(
    arrivals: ArrivalService,
    wished: InMemorySignUpRepository,
    clock: FakeClock,
    organizations: FakeOrganizations,
) -> None:
    clock.advance(timedelta(days=31))

    profile = arrivals.ensure_profile(ADA, CAUSE)

    assert profile.active_organization_id is None
    assert organizations.names == {}


def test_a_proven_address_joins_the_organisation_of_its_domain(
    arrivals: ArrivalService, organizations: FakeOrganizations
) -> None:
    organizations.domains["example.com"] = "o-1"

    profile = arrivals.ensure_profile(ADA, CAUSE)

    assert profile.active_organization_id == "o-1"
    assert organizations.members["o-1", "ada"].role is Role.MEMBER


def test_an_unproven_address_joins_nothing(
    arrivals: ArrivalService, organizations: FakeOrganizations
) -> None:
    organizations.domains["example.com"] = "o-1"

    profile = arrivals.ensure_profile(replace(ADA, email_verified=False), CAUSE)

    assert profile.active_organization_id is None
    assert organizations.members == {}


def test_a_federated_person_has_no_wishes_of_a_local_name(
    arrivals: ArrivalService, kept: InMemorySignUpRepository, clock: FakeClock
) -> None:
    kept.keep("Google_1", Wishes(organization_name="Evil"), clock() + timedelta(days=1))

    profile = arrivals.ensure_profile(replace(ADA, user_name="Google_1"), CAUSE)

    assert profile.active_organization_id is None


def test_who_came_over_is_told_as_migrated_too(
    arrivals: ArrivalService,
    kept: InMemorySignUpRepository,
    profiles: InMemoryProfileRepository,
    clock: FakeClock,
) -> None:
    kept.mark_migrated("ada@example.com", clock() + timedelta(days=1))

    arrivals.ensure_profile(ADA, CAUSE)

    assert profiles.told == ["UserRegistered", "UserMigrated"]


def test_events_hold_ids_only(
    arrivals: ArrivalService,
    wished: InMemorySignUpRepository,
    profiles: InMemoryProfileRepository,
) -> None:
    arrivals.ensure_profile(ADA, CAUSE)

    text = profiles.events[0].model_dump_json()

    assert "example.com" not in text
    assert "Ada L." not in text


# crash everywhere (row 12)


class Crash(BaseException):
    """The process is gone."""


class Crashing:
    """Stops before, or after, the k-th call of any port."""

    def __init__(self, k: int, after: bool) -> None:
        self.left = k
        self.after = after

    def guard(self, port: object) -> Any:
        return _Guarded(port, self)

    @contextmanager
    def call(self) -> Iterator[None]:
        self.left -= 1
        if self.left == 0 and not self.after:
            raise Crash
        yield
        if self.left == 0 and self.after:
            raise Crash


class _Guarded:
    def __init__(self, port: object, crashing: Crashing) -> None:
        self._port = port
        self._crashing = crashing

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            with self._crashing.call():
                return method(*args, **kwargs)

        return call


CALLS = 4
"""Ports that a first arrival calls: read, wishes, found, create."""


def crashed(service: ArrivalService, k: int, after: bool) -> ArrivalService:
    crashing = Crashing(k, after)
    return replace(
        service,
        profiles=crashing.guard(service.profiles),
        sign_ups=crashing.guard(service.sign_ups),
        organizations=crashing.guard(service.organizations),
    )


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("k", range(1, CALLS + 1))
def test_whoever_stopped_anywhere_is_taken_up_again(
    arrivals: ArrivalService,
    wished: InMemorySignUpRepository,
    profiles: InMemoryProfileRepository,
    organizations: FakeOrganizations,
    k: int,
    after: bool,
) -> None:
    with pytest.raises(Crash):
        crashed(arrivals, k, after).ensure_profile(ADA, CAUSE)

    profile = arrivals.ensure_profile(ADA, CAUSE)

    assert profile.active_organization_id in organizations.names
    assert len(organizations.names) == 1
    assert profiles.told == ["UserRegistered"]


def test_the_crash_test_would_notice_a_profile_made_first(
    arrivals: ArrivalService,
    wished: InMemorySignUpRepository,
    profiles: InMemoryProfileRepository,
    organizations: FakeOrganizations,
) -> None:
    """The mutation twin: with the profile before the organisation, a crash loses the wish."""

    def profile_first(service: ArrivalService) -> None:
        if service.profiles.get("ada") is None:
            now = service.stamp.now()
            made = Profile(
                user_id="ada", user_name="ada", email=ADA.email, created_at=now, updated_at=now
            )
            service.profiles.create(made, ())
            service.organizations.found("ada", "Engines", CAUSE)

    with pytest.raises(Crash):
        profile_first(crashed(arrivals, 2, after=True))

    assert arrivals.ensure_profile(ADA, CAUSE).active_organization_id is None
    assert organizations.names == {}


def test_an_organisation_that_cannot_be_founded_now_is_founded_at_the_next_call(
    arrivals: ArrivalService, wished: InMemorySignUpRepository, organizations: FakeOrganizations
) -> None:
    organizations.down = True
    with pytest.raises(UnavailableError):
        arrivals.ensure_profile(ADA, CAUSE)

    organizations.down = False

    assert arrivals.ensure_profile(ADA, CAUSE).active_organization_id in organizations.names


# signing in


def test_a_sign_in_is_noted_with_its_time(
    arrivals: ArrivalService, ada: Profile, profiles: InMemoryProfileRepository, clock: FakeClock
) -> None:
    arrivals.signed_in(ADA, CAUSE)

    assert profiles.profiles["ada"].last_login_at == clock()
    assert profiles.told == ["UserSignedIn"]


def test_calls_within_ten_seconds_are_one_sign_in_and_later_ones_another(
    arrivals: ArrivalService, ada: Profile, profiles: InMemoryProfileRepository, clock: FakeClock
) -> None:
    arrivals.signed_in(ADA, CAUSE)
    clock.advance(timedelta(seconds=9))
    arrivals.signed_in(ADA, CAUSE)
    assert profiles.told == ["UserSignedIn"]

    clock.advance(timedelta(seconds=1))
    arrivals.signed_in(ADA, CAUSE)

    assert profiles.told == ["UserSignedIn", "UserSignedIn"]


def test_a_sign_in_during_another_change_is_noted_on_top_of_it(
    arrivals: ArrivalService, ada: Profile, profiles: InMemoryProfileRepository, clock: FakeClock
) -> None:
    def renamed() -> None:
        profiles.profiles["ada"] = ada.changed(name="Countess")

    profiles.before_save = renamed

    arrivals.signed_in(ADA, CAUSE)

    stored = profiles.profiles["ada"]
    assert (stored.name, stored.last_login_at) == ("Countess", clock())


def test_a_first_sign_in_without_confirmation_makes_the_profile(
    arrivals: ArrivalService, profiles: InMemoryProfileRepository
) -> None:
    arrivals.signed_in(ADA, CAUSE)

    assert profiles.told == ["UserRegistered", "UserSignedIn"]


# another address

NEWER = replace(ADA, email="countess@example.com")


def test_a_newer_address_is_kept_with_the_sign_in_and_told_without_itself(
    arrivals: ArrivalService, ada: Profile, profiles: InMemoryProfileRepository, clock: FakeClock
) -> None:
    arrivals.signed_in(NEWER, CAUSE)

    stored = profiles.profiles["ada"]
    assert (stored.email, stored.last_login_at) == ("countess@example.com", clock())
    assert (stored.updated_at, stored.entity_version) == (clock(), ada.entity_version + 1)
    assert profiles.told == ["UserSignedIn", "ProfileUpdated"]
    assert profiles.events[1].data == {"user_id": "ada", "fields": ["email"]}


def test_a_newer_address_is_kept_with_a_token_too(
    arrivals: ArrivalService, ada: Profile, profiles: InMemoryProfileRepository
) -> None:
    """Tokens are renewed for weeks without a sign-in."""
    arrivals.grant(NEWER, CAUSE)
    arrivals.grant(NEWER, CAUSE)

    assert profiles.profiles["ada"].email == "countess@example.com"
    assert profiles.told == ["ProfileUpdated"]
    assert profiles.events[0].data == {"user_id": "ada", "fields": ["email"]}


@pytest.mark.parametrize(
    "arrival", [replace(NEWER, email_verified=False), replace(ADA, email=None)]
)
def test_an_address_that_is_not_proven_changes_nothing(
    arrivals: ArrivalService, ada: Profile, profiles: InMemoryProfileRepository, arrival: Arrival
) -> None:
    arrivals.signed_in(arrival, CAUSE)
    arrivals.grant(arrival, CAUSE)

    assert profiles.profiles["ada"].email == "ada@example.com"
    assert profiles.told == ["UserSignedIn"]


@pytest.mark.parametrize("trouble", [ConflictError("busy"), UnavailableError("down")])
def test_a_token_is_given_though_the_newer_address_cannot_be_kept_now(
    arrivals: ArrivalService,
    ada: Profile,
    profiles: InMemoryProfileRepository,
    organizations: FakeOrganizations,
    trouble: Exception,
) -> None:
    organizations.add("o-1", "ada")

    def refuse() -> None:
        raise trouble

    profiles.before_save = refuse

    assert arrivals.grant(NEWER, CAUSE) == Grant("o-1", Role.MEMBER, "FREE")
    assert profiles.events == []


# tokens


def active_in(profiles: InMemoryProfileRepository, ada: Profile, organization_id: str) -> None:
    profiles.profiles["ada"] = ada.changed(active_organization_id=organization_id)


@pytest.mark.parametrize("role", list(Role))
def test_a_token_names_the_active_organisation(
    arrivals: ArrivalService,
    ada: Profile,
    profiles: InMemoryProfileRepository,
    organizations: FakeOrganizations,
    role: Role,
) -> None:
    organizations.add("o-1", "ada", role, plan="STARTER")
    organizations.add("o-0", "ada", Role.OWNER)
    active_in(profiles, ada, "o-1")

    assert arrivals.grant(ADA, CAUSE) == Grant("o-1", role, "STARTER")
    assert organizations.reads == 1


@pytest.mark.parametrize(
    ("status", "organization_status"),
    [
        (MemberStatus.REMOVED, OrganizationStatus.ACTIVE),
        (MemberStatus.SUSPENDED, OrganizationStatus.ACTIVE),
        (MemberStatus.INVITED, OrganizationStatus.ACTIVE),
        (MemberStatus.ACTIVE, OrganizationStatus.CANCELLED),
    ],
)
def test_where_the_active_organisation_is_closed_a_token_names_another_one(
    arrivals: ArrivalService,
    ada: Profile,
    profiles: InMemoryProfileRepository,
    organizations: FakeOrganizations,
    status: MemberStatus,
    organization_status: OrganizationStatus,
) -> None:
    organizations.add("o-1", "ada", Role.ADMIN, status, organization_status)
    active_in(profiles, ada, "o-1")
    assert arrivals.grant(ADA, CAUSE) is None

    organizations.add("o-2", "ada", Role.VIEWER)

    assert arrivals.grant(ADA, CAUSE) == Grant("o-2", Role.VIEWER, "FREE")


def test_a_suspended_organisation_stays_the_active_one(
    arrivals: ArrivalService,
    ada: Profile,
    profiles: InMemoryProfileRepository,
    organizations: FakeOrganizations,
) -> None:
    organizations.add("o-0", "ada")
    organizations.add("o-1", "ada", Role.ADMIN, organization_status=OrganizationStatus.SUSPENDED)
    active_in(profiles, ada, "o-1")

    assert arrivals.grant(ADA, CAUSE) == Grant("o-1", Role.ADMIN, "FREE")


def test_an_open_organisation_is_found_behind_many_closed_ones(
    arrivals: ArrivalService, ada: Profile, organizations: FakeOrganizations
) -> None:
    for number in range(30):
        organizations.add(f"o-{number:02}", "ada", status=MemberStatus.SUSPENDED)
    organizations.add("o-99", "ada")

    assert arrivals.grant(ADA, CAUSE) == Grant("o-99", Role.MEMBER, "FREE")


def test_a_suspended_person_gets_no_token_and_learns_nothing(
    arrivals: ArrivalService, ada: Profile, profiles: InMemoryProfileRepository
) -> None:
    profiles.profiles["ada"] = ada.changed(status=UserStatus.SUSPENDED)

    with pytest.raises(UnauthenticatedError, match=r"^Incorrect username or password$"):
        arrivals.grant(ADA, CAUSE)


class KnownHomes:
    def of(self, user_id: str, limit: int) -> tuple[str, ...]:
        return ("o-1", "o-2")


@pytest.fixture
def gate(profiles: InMemoryProfileRepository, stamp: Stamp) -> Gate:
    return Gate(profiles, KnownHomes(), stamp)


def test_a_suspended_person_is_refused_and_their_organisations_hear_of_it_once_an_hour(
    gate: Gate, ada: Profile, profiles: InMemoryProfileRepository, clock: FakeClock
) -> None:
    suspended = ada.changed(status=UserStatus.SUSPENDED)
    profiles.profiles["ada"] = suspended
    profiles.events.clear()

    def attempt() -> None:
        with pytest.raises(UnauthenticatedError, match=r"^Incorrect username or password$"):
            gate.pass_through("ada")

    for _ in range(5):
        attempt()
    [told] = profiles.events
    assert (told.type, told.actor.kind) == ("SignInRefused", "system")
    assert told.data == {
        "user_id": "ada",
        "reason": "suspended",
        "organization_ids": ["o-1", "o-2"],
    }

    clock.advance(timedelta(hours=1))
    attempt()
    assert len(profiles.events) == 2
    assert profiles.profiles["ada"].entity_version == suspended.entity_version + 2


@pytest.mark.parametrize("error", [ConflictError, UnavailableError])
def test_a_refusal_that_cannot_be_told_stands(
    gate: Gate,
    ada: Profile,
    profiles: InMemoryProfileRepository,
    monkeypatch: pytest.MonkeyPatch,
    error: type[Exception],
) -> None:
    profiles.profiles["ada"] = ada.changed(status=UserStatus.SUSPENDED)

    def fail(*_arguments: object) -> None:
        raise error("no")

    monkeypatch.setattr(profiles, "save", fail)

    with pytest.raises(UnauthenticatedError):
        gate.pass_through("ada")


def test_the_gate_lets_others_pass(gate: Gate, ada: Profile) -> None:
    gate.pass_through("ada")
    gate.pass_through("nobody")


@pytest.mark.parametrize(
    ("role", "pool_groups", "expected"),
    [
        ("OWNER", [], ["OrgAdmin"]),
        ("ADMIN", [], ["OrgAdmin"]),
        ("MANAGER", [], ["Manager"]),
        ("MEMBER", [], ["Member"]),
        ("VIEWER", [], ["Viewer"]),
        (None, [], []),
        ("VIEWER", ["SuperAdmin"], ["Viewer", "SuperAdmin"]),
        (None, ["SuperAdmin", "OrgAdmin"], ["SuperAdmin"]),
        ("VIEWER", ["OrgAdmin", "Manager", "superadmin"], ["Viewer"]),
    ],
)
def test_groups_are_computed_but_for_the_operators(
    role: str | None, pool_groups: list[str], expected: list[str]
) -> None:
    grant = Grant("o-1", Role(role), "FREE") if role else None

    assert groups_of(grant, pool_groups) == expected
