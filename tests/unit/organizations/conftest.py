"""The service over fakes."""

from dataclasses import dataclass, field
from itertools import count

import pytest

from tenantry.messaging.stamp import Stamp
from tenantry.organizations.members import MemberService
from tenantry.organizations.model import Member
from tenantry.organizations.service import OrganizationService
from tenantry.organizations.support import SupportService, SupportSweep
from tenantry.tenancy.access import MemberStatus
from tenantry.tenancy.caller import Caller
from tenantry.tenancy.catalogue import permissions
from tenantry.tenancy.roles import Role
from tests.support.fakes.organizations import (
    FakeDns,
    FakeOperators,
    InMemoryDomains,
    InMemoryMembers,
    InMemoryOrganizations,
    InMemorySupport,
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
        self.stored_members = InMemoryMembers(self.organizations)
        self.members = MemberService(
            self.organizations, self.stored_members, permissions, self.operators, self.stamp
        )
        self.sessions = InMemorySupport(self.organizations)
        self.support = SupportService(self.organizations, self.sessions, self.operators, self.stamp)
        self.sweep = SupportSweep(self.sessions, self.stamp)

    def founded(self, name: str = "Acme", user_id: str = "ada") -> Caller:
        """The owner of a new organisation, acting on it."""
        made = self.service.create(Caller(user_id=user_id), {"name": name})
        return Caller(user_id=user_id, tenant_id=made.tenant_id)

    def joined(
        self,
        owner: Caller,
        user_id: str,
        role: Role = Role.MEMBER,
        status: MemberStatus = MemberStatus.ACTIVE,
        *extra: str,
    ) -> Caller:
        """Another member of the owner's organisation, seated and counted; they as a caller."""
        at = owner.organization_id
        own = self.organizations.members[at, owner.user_id]
        member = own.model_copy(
            update={
                "user_id": user_id,
                "role": role,
                "status": status,
                "extra_permissions": extra,
                "name": user_id.title(),
                "email": f"{user_id}@acme.example",
            }
        )
        self.organizations.members[at, user_id] = member
        stored = self.organizations.organizations[at]
        counted = {
            "used_users": stored.used_users + member.is_current,
            "owners": stored.owners + member.leads,
        }
        self.organizations.organizations[at] = stored.model_copy(update=counted)
        return Caller(user_id=user_id, tenant_id=at)

    def member(self, caller: Caller) -> Member:
        """A member as stored."""
        return self.organizations.members[caller.organization_id, caller.user_id]

    def counted(self, owner: Caller) -> tuple[int, int]:
        """The seats taken, and the owners."""
        stored = self.organizations.organizations[owner.organization_id]
        return stored.used_users, stored.owners

    def told(self) -> list[str]:
        """The types of events so far."""
        return [event.type for event in (*self.organizations.events, *self.domains.events)]


@pytest.fixture
def world(stamp: Stamp) -> World:
    return World(stamp)


@pytest.fixture
def operator() -> Caller:
    return Caller(user_id="root", groups=frozenset({"SuperAdmin"}))
