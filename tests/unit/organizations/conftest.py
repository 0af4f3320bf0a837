"""The service over fakes."""

from dataclasses import dataclass, field
from itertools import count

import pytest

from tenantry.messaging.stamp import Stamp
from tenantry.organizations.service import OrganizationService
from tenantry.tenancy.caller import Caller
from tests.support.fakes.organizations import (
    FakeDns,
    FakeOperators,
    InMemoryDomains,
    InMemoryOrganizations,
)


@dataclass
class World:
    """Fakes, the service over them, and callers."""

    stamp: Stamp
    organizations: InMemoryOrganizations = field(default_factory=InMemoryOrganizations)
    domains: InMemoryDomains = field(default_factory=InMemoryDomains)
    dns: FakeDns = field(default_factory=FakeDns)
    operators: FakeOperators = field(default_factory=FakeOperators)

    def __post_init__(self) -> None:
        tokens = count(1)
        self.service = OrganizationService(
            self.organizations,
            self.domains,
            self.dns,
            self.operators,
            self.stamp,
            new_token=lambda: f"token-{next(tokens)}",
        )

    def founded(self, name: str = "Acme", user_id: str = "ada") -> Caller:
        """The owner of a new organisation, acting on it."""
        made = self.service.create(Caller(user_id=user_id), {"name": name})
        return Caller(user_id=user_id, tenant_id=made.tenant_id)

    def told(self) -> list[str]:
        """The types of events so far."""
        return [event.type for event in (*self.organizations.events, *self.domains.events)]


@pytest.fixture
def world(stamp: Stamp) -> World:
    return World(stamp)


@pytest.fixture
def operator() -> Caller:
    return Caller(user_id="root", groups=frozenset({"SuperAdmin"}))
