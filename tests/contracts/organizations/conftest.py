"""The organisations' ports, each on the fake and on DynamoDB."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tenantry.organizations.dynamodb import (
    DynamoDBDomainRepository,
    DynamoDBMachineRepository,
    DynamoDBMemberRepository,
    DynamoDBOrganizationRepository,
    DynamoDBSupportRepository,
)
from tenantry.organizations.machines import MachineRepository
from tenantry.organizations.repository import (
    DomainRepository,
    MemberRepository,
    OrganizationRepository,
    SupportRepository,
)
from tenantry.persistence.keys import profile_key
from tenantry.persistence.table import Table
from tests.support.fakes.organizations import (
    InMemoryDomains,
    InMemoryMachines,
    InMemoryMembers,
    InMemoryOrganizations,
    InMemorySupport,
)


@dataclass(frozen=True)
class Stores:
    organizations: OrganizationRepository
    domains: DomainRepository
    members: MemberRepository
    support: SupportRepository
    machines: MachineRepository
    operator: Callable[[str, bool], None]
    """Gives somebody, an operator perhaps, an account that is active, or suspended."""


def _in_memory() -> Stores:
    organizations = InMemoryOrganizations()

    def operator(user_id: str, active: bool) -> None:
        organizations.suspended -= {user_id}
        organizations.suspended |= set() if active else {user_id}

    return Stores(
        organizations,
        InMemoryDomains(),
        InMemoryMembers(organizations),
        InMemorySupport(organizations),
        InMemoryMachines(organizations),
        operator,
    )


def _dynamodb(table: Table) -> Stores:
    def operator(user_id: str, active: bool) -> None:
        table.put({**profile_key(user_id), "status": "ACTIVE" if active else "SUSPENDED"})

    return Stores(
        DynamoDBOrganizationRepository(table),
        DynamoDBDomainRepository(table),
        DynamoDBMemberRepository(table),
        DynamoDBSupportRepository(table),
        DynamoDBMachineRepository(table),
        operator,
    )


@pytest.fixture(params=["in-memory", "dynamodb"])
def stores(request: pytest.FixtureRequest) -> Stores:
    if request.param == "in-memory":
        return _in_memory()
    return _dynamodb(request.getfixturevalue("platform_table"))


@pytest.fixture
def organizations(stores: Stores) -> OrganizationRepository:
    return stores.organizations


@pytest.fixture
def domains(stores: Stores) -> DomainRepository:
    return stores.domains
