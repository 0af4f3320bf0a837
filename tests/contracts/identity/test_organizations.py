"""What identity asks of organisations: the fake, and the organisations context itself, alike."""

import pytest

from tenantry.errors import NoOrganizationError, NotFoundError
from tenantry.identity.repository import Organizations
from tenantry.messaging.stamp import Cause, Stamp
from tenantry.organizations.dynamodb import (
    DynamoDBDomainRepository,
    DynamoDBOrganizationRepository,
)
from tenantry.organizations.service import OrganizationService
from tenantry.persistence.table import Table
from tenantry.tenancy.access import MemberStatus, OrganizationStatus
from tenantry.tenancy.roles import Role
from tests.support.clock import FakeIds
from tests.support.fakes.identity import FakeOrganizations
from tests.support.fakes.organizations import FakeOperators

CAUSE = Cause()


class NoDns:
    def texts(self, name: str) -> list[str]:
        return []


@pytest.fixture(params=["fake", "real"])
def organizations(request: pytest.FixtureRequest, stamp: Stamp) -> Organizations:
    if request.param == "fake":
        return FakeOrganizations()
    table: Table = request.getfixturevalue("platform_table")
    return OrganizationService(
        organizations=DynamoDBOrganizationRepository(table),
        domains=DynamoDBDomainRepository(table),
        dns=NoDns(),
        operators=FakeOperators(),
        stamp=stamp,
        new_token=FakeIds("f"),
    )


def test_founding_twice_is_founding_once(organizations: Organizations) -> None:
    first = organizations.found("u-1", "Engines", CAUSE)

    assert organizations.found("u-1", "Engines", CAUSE) == first
    page = organizations.memberships("u-1", None, None)
    assert [each.organization_id for each in page.items] == [first]


def test_two_people_may_name_theirs_alike(organizations: Organizations) -> None:
    one = organizations.found("u-1", "Engines", CAUSE)

    assert organizations.found("u-2", "Engines", CAUSE) != one


def test_a_founder_is_the_owner(organizations: Organizations) -> None:
    tenant_id = organizations.found("u-1", "Engines", CAUSE)

    standing = organizations.standing_of("u-1", tenant_id)

    assert standing
    assert (standing.role, standing.member_status) == (Role.OWNER, MemberStatus.ACTIVE)
    assert (standing.organization_status, standing.plan) == (OrganizationStatus.ACTIVE, "FREE")


def test_a_stranger_has_no_standing(organizations: Organizations) -> None:
    tenant_id = organizations.found("u-1", "Engines", CAUSE)

    assert organizations.standing_of("u-2", tenant_id) is None
    assert organizations.standing_of("u-1", "o-none") is None


def test_a_domain_of_nobody_joins_nothing(organizations: Organizations) -> None:
    assert organizations.join_by_domain("u-1", "ada@example.com", CAUSE) is None


def test_what_does_not_exist_cannot_be_joined(organizations: Organizations) -> None:
    with pytest.raises(NotFoundError):
        organizations.joinable("o-none", "ada@example.com")


def test_what_is_open_can_be_joined(organizations: Organizations) -> None:
    organizations.joinable(organizations.found("u-1", "Engines", CAUSE), "ada@example.com")


def test_no_organisation_at_all_has_a_code(organizations: Organizations) -> None:
    with pytest.raises(NoOrganizationError):
        organizations.memberships("u-1", None, None)
