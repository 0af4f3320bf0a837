"""Services of the identity context on fakes, and people to try them with."""

from datetime import timedelta

import pytest

from tenantry.identity.addresses import checked_address
from tenantry.identity.model import Arrival, Profile, SignUpRules
from tenantry.identity.service import (
    ArrivalService,
    MigrationService,
    ProfileService,
    SignUpService,
)
from tenantry.messaging.stamp import Stamp
from tests.support.clock import FakeClock
from tests.support.fakes.identity import (
    FakeInvitations,
    FakeLegacyDirectory,
    FakeOrganizations,
    FakeUserDirectory,
    InMemoryProfileRepository,
    InMemorySignUpRepository,
)

ADA = Arrival(user_id="ada", user_name="ada", email="ada@example.com", email_verified=True)


@pytest.fixture
def organizations() -> FakeOrganizations:
    return FakeOrganizations()


@pytest.fixture
def invitations(organizations: FakeOrganizations) -> FakeInvitations:
    return FakeInvitations(organizations)


@pytest.fixture
def profiles(organizations: FakeOrganizations) -> InMemoryProfileRepository:
    return InMemoryProfileRepository(organizations)


@pytest.fixture
def kept() -> InMemorySignUpRepository:
    return InMemorySignUpRepository()


@pytest.fixture
def pool() -> FakeUserDirectory:
    return FakeUserDirectory()


@pytest.fixture
def legacy() -> FakeLegacyDirectory:
    return FakeLegacyDirectory()


@pytest.fixture
def rules() -> SignUpRules:
    return SignUpRules(disposable=frozenset({"mailinator.com"}))


@pytest.fixture
def sign_ups(
    rules: SignUpRules,
    kept: InMemorySignUpRepository,
    organizations: FakeOrganizations,
    invitations: FakeInvitations,
    pool: FakeUserDirectory,
    clock: FakeClock,
) -> SignUpService:
    return SignUpService(
        rules=rules,
        providers=frozenset({"Google", "CorporateSaml"}),
        check_address=checked_address,
        sign_ups=kept,
        organizations=organizations,
        invitations=invitations,
        directory=pool,
        now=clock,
    )


@pytest.fixture
def arrivals(
    profiles: InMemoryProfileRepository,
    kept: InMemorySignUpRepository,
    organizations: FakeOrganizations,
    invitations: FakeInvitations,
    stamp: Stamp,
) -> ArrivalService:
    return ArrivalService(profiles, kept, organizations, invitations, stamp)


@pytest.fixture
def people(
    profiles: InMemoryProfileRepository,
    organizations: FakeOrganizations,
    pool: FakeUserDirectory,
    stamp: Stamp,
) -> ProfileService:
    return ProfileService(profiles, organizations, pool, stamp)


@pytest.fixture
def migration(
    legacy: FakeLegacyDirectory, kept: InMemorySignUpRepository, clock: FakeClock
) -> MigrationService:
    return MigrationService(legacy, kept, clock)


@pytest.fixture
def ada(profiles: InMemoryProfileRepository, clock: FakeClock) -> Profile:
    """A profile that was made a day ago."""
    return profiles.create(made("ada", clock), ())


@pytest.fixture
def operator(profiles: InMemoryProfileRepository, clock: FakeClock) -> Profile:
    """An operator's own profile."""
    return profiles.create(made("op", clock), ())


def made(user_id: str, clock: FakeClock) -> Profile:
    since = clock() - timedelta(days=1)
    return Profile(
        user_id=user_id,
        user_name=user_id,
        email=f"{user_id}@example.com",
        name=user_id.title(),
        created_at=since,
        updated_at=since,
    )
