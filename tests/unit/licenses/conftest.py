"""The services over fakes."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest

from tenantry.licenses.model import License
from tenantry.licenses.service import LicenseReminders, LicenseService
from tenantry.messaging.stamp import Stamp
from tenantry.organizations.model import Member, Organization
from tenantry.tenancy.caller import Caller
from tenantry.tenancy.roles import Role
from tests.support.clock import START, FakeClock
from tests.support.fakes.licenses import InMemoryLicenses
from tests.support.fakes.organizations import FakeOperators, InMemoryOrganizations

OPERATOR = Caller(user_id="root", groups=frozenset({"SuperAdmin"}))
GIVEN = {
    "organizationId": "t-1",
    "enterpriseId": "e-1",
    "productId": "engine",
    "serviceId": "engine.api",
    "startDate": "2026-03-01",
    "endDate": "2026-05-31",
    "contactFullName": "Ada Lovelace",
    "contactEmail": "ada@example.com",
    "contactTimeZone": "Europe/Berlin",
    "reason": "Order 7",
}


def license_(**more: Any) -> License:
    """A licence as it is stored."""
    return License.model_validate(
        {
            "tenant_id": "t-1",
            "license_id": "l-1",
            "enterprise_id": "e-1",
            "product_id": "engine",
            "service_id": "engine.api",
            "start_date": date(2026, 3, 1),
            "end_date": date(2026, 5, 31),
            "contact_full_name": "Ada Lovelace",
            "contact_email": "ada@example.com",
            "contact_time_zone": "Europe/Berlin",
            "created_at": START,
            "updated_at": START,
            **more,
        }
    )


@dataclass
class World:
    """Fakes, the services over them, and the organisation t-1 with a member of each role."""

    stamp: Stamp
    clock: FakeClock
    licenses: InMemoryLicenses = field(default_factory=lambda: InMemoryLicenses({"t-1", "t-2"}))
    organizations: InMemoryOrganizations = field(default_factory=InMemoryOrganizations)
    operators: FakeOperators = field(default_factory=FakeOperators)

    def __post_init__(self) -> None:
        self.service = LicenseService(self.licenses, self.organizations, self.operators, self.stamp)
        self.reminders = LicenseReminders(self.licenses, self.stamp)
        for tenant in ("t-1", "t-2"):
            self.organizations.organizations[tenant] = Organization(
                tenant_id=tenant,
                name="Acme",
                slug=tenant,
                founder_id="owner",
                created_at=START,
                updated_at=START,
            )
        for role in Role:
            member = Member(tenant_id="t-1", user_id=role.lower(), role=role, joined_at=START)
            self.organizations.members["t-1", member.user_id] = member

    def create(self, **more: Any) -> License:
        return self.service.create(OPERATOR, {**GIVEN, **more})

    def caller(self, role: str = "admin", tenant_id: str = "t-1") -> Caller:
        return Caller(user_id=role, tenant_id=tenant_id)

    def remind(self) -> list[tuple[str, Any]]:
        """What a run of the reminders tells: types, and days."""
        before = len(self.licenses.events)
        self.reminders.run(lambda: True)
        return [(e.type, e.data.get("days")) for e in self.licenses.events[before:]]


@pytest.fixture
def world(stamp: Stamp, clock: FakeClock) -> World:
    return World(stamp, clock)
