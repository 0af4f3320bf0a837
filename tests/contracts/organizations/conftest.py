"""The organisations' ports, each on the fake and on DynamoDB."""

from dataclasses import dataclass

import pytest

from tenantry.organizations.dynamodb import (
    DynamoDBDomainRepository,
    DynamoDBOrganizationRepository,
)
from tenantry.organizations.repository import DomainRepository, OrganizationRepository
from tests.support.fakes.organizations import InMemoryDomains, InMemoryOrganizations


@dataclass(frozen=True)
class Stores:
    organizations: OrganizationRepository
    domains: DomainRepository


@pytest.fixture(params=["in-memory", "dynamodb"])
def stores(request: pytest.FixtureRequest) -> Stores:
    if request.param == "in-memory":
        return Stores(InMemoryOrganizations(), InMemoryDomains())
    table = request.getfixturevalue("platform_table")
    return Stores(DynamoDBOrganizationRepository(table), DynamoDBDomainRepository(table))


@pytest.fixture
def organizations(stores: Stores) -> OrganizationRepository:
    return stores.organizations


@pytest.fixture
def domains(stores: Stores) -> DomainRepository:
    return stores.domains
