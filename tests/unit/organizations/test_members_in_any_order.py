"""Members who come, go and change in any order: seats and owners are what the rows say."""

from collections.abc import Callable
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tenantry.errors import ConflictError, ForbiddenError, LastOwnerError, TenantryError
from tenantry.messaging.stamp import Cause, Stamp
from tenantry.organizations import seats
from tenantry.organizations.dynamodb import (
    DynamoDBDomainRepository,
    DynamoDBMemberRepository,
    DynamoDBOrganizationRepository,
)
from tenantry.organizations.members import MemberService
from tenantry.organizations.service import OrganizationService
from tenantry.persistence.table import ConditionFailedError
from tenantry.tenancy.caller import Caller
from tenantry.tenancy.catalogue import permissions
from tenantry.tenancy.roles import Role
from tests.support.clock import START, FakeClock, FakeIds
from tests.support.fakes.organizations import FakeDns, FakeOperators
from tests.support.fakes.table import InMemoryTable

PEOPLE = ("ada", "bob", "cat", "dan", "eve", "fay", "gus")
SEATS = 5
people, roles = st.sampled_from(PEOPLE), st.sampled_from(Role)
RANKS = ["OWNER", "ADMIN", "MANAGER", "MEMBER", "VIEWER"]


class Members(RuleBasedStateMachine):
    """The services on the real adapters over a table in memory, beside a model kept by hand."""

    @initialize()
    def found(self) -> None:
        self.table = InMemoryTable()
        self.stamp = Stamp(now=FakeClock(), new_id=FakeIds())
        organizations = DynamoDBOrganizationRepository(self.table)
        service = OrganizationService(
            organizations,
            DynamoDBDomainRepository(self.table),
            FakeDns(),
            FakeOperators(),
            self.stamp,
            lambda: "token",
        )
        self.organizations = organizations
        self.service = MemberService(
            organizations,
            DynamoDBMemberRepository(self.table),
            permissions,
            FakeOperators(),
            self.stamp,
        )
        self.own = service.create(Caller(user_id="ada"), {"name": "Acme"}).tenant_id
        self.expected: dict[str, tuple[str, str]] = {"ada": ("OWNER", "ACTIVE")}
        self.versions: dict[str, int] = {"ada": 1}

    @rule(who=people, role=roles)
    def join(self, who: str, role: Role) -> None:
        """As an accepted invitation will: seat and member in one transaction."""
        event = self.stamp.event(seats.joined(self.own, who, role, "invitation"), Cause())
        known = self.expected.get(who, ("", ""))[1]
        after = self.versions[who] if known == "REMOVED" else None
        writes = [seats.join(self.own, who, role, START, event, after=after)]
        try:
            self.table.transact([*writes, seats.reserve(self.own, limit=SEATS, require={})])
            if role is Role.OWNER:
                self.table.transact([seats.admit(self.own, role)])
        except ConditionFailedError:
            assert known in ("ACTIVE", "SUSPENDED") or self._seats() == SEATS
        else:
            assert known in ("", "REMOVED")
            assert self._seats() < SEATS
            self.expected[who] = (role.value, "ACTIVE")
            self.versions[who] = self.versions.get(who, 0) + 1

    @rule(who=people, whom=people, role=roles)
    def change_role(self, who: str, whom: str, role: Role) -> None:
        done = self._tried(who, lambda me: self.service.update_role(me, whom, role.value), whom)
        if done:
            self._only_owners_touch_owners(who, whom)
            assert RANKS.index(self.expected[who][0]) <= RANKS.index(role.value)
            self._becomes(whom, role.value, self.expected[whom][1])

    @rule(who=people, whom=people)
    def suspend(self, who: str, whom: str) -> None:
        if self._tried(who, lambda me: self.service.suspend(me, whom), whom):
            self._only_owners_touch_owners(who, whom)
            self._becomes(whom, self.expected[whom][0], "SUSPENDED")

    @rule(who=people, whom=people)
    def reactivate(self, who: str, whom: str) -> None:
        if self._tried(who, lambda me: self.service.reactivate(me, whom), whom):
            self._only_owners_touch_owners(who, whom)
            self._becomes(whom, self.expected[whom][0], "ACTIVE")

    @rule(who=people, whom=people)
    def remove(self, who: str, whom: str) -> None:
        if who == whom:
            self.leave(who)
        elif self._tried(who, lambda me: self.service.remove(me, whom), whom):
            self._only_owners_touch_owners(who, whom)
            self._becomes(whom, self.expected[whom][0], "REMOVED")

    @rule(who=people)
    def leave(self, who: str) -> None:
        before = self.organizations.acting(self.own, who).member
        if before and before.left:
            assert self.service.leave(Caller(user_id=who, tenant_id=self.own)) == before
        elif self._tried(who, self.service.leave, who):
            self._becomes(who, self.expected[who][0], "REMOVED")

    @rule(who=people, whom=people)
    def transfer(self, who: str, whom: str) -> None:
        before = self.organizations.acting(self.own, who).member
        if not self._tried(who, lambda me: self.service.transfer(me, whom), whom):
            return
        if self.expected[who] == ("ADMIN", "ACTIVE"):
            # They have handed over before, and are answered so again.
            assert before is not None
            assert before.handed_to == whom
            assert self.expected[whom] == ("OWNER", "ACTIVE")
        else:
            assert self.expected[who] == ("OWNER", "ACTIVE")
            self._becomes(who, "ADMIN", "ACTIVE")
            self._becomes(whom, "OWNER", "ACTIVE")

    @invariant()
    def there_is_an_owner_and_the_counters_are_the_rows(self) -> None:
        if not hasattr(self, "own"):
            return
        organization = self.organizations.get(self.own)
        assert organization is not None
        assert organization.owners == list(self.expected.values()).count(("OWNER", "ACTIVE")) >= 1
        assert organization.used_users == self._seats() <= SEATS
        for who, (role, status) in self.expected.items():
            member = self.organizations.acting(self.own, who).member
            assert member is not None
            assert (member.role, member.status) == (role, status)
            assert member.entity_version == self.versions[who]

    def _tried(self, who: str, ask: Callable[[Caller], Any], whom: str) -> bool:
        """Whether it was done; the model says who may not have done it."""
        try:
            ask(Caller(user_id=who, tenant_id=self.own))
        except LastOwnerError:
            assert list(self.expected.values()).count(("OWNER", "ACTIVE")) == 1
            return False
        except (ForbiddenError, ConflictError):
            return False
        except TenantryError:
            assert self.expected.get(whom, ("", "REMOVED"))[1] == "REMOVED"
            return False
        assert self.expected[who][1] == "ACTIVE"
        return True

    def _only_owners_touch_owners(self, who: str, whom: str) -> None:
        assert self.expected[whom][0] != "OWNER" or self.expected[who][0] == "OWNER"

    def _becomes(self, whom: str, role: str, status: str) -> None:
        self.versions[whom] += self.expected[whom] != (role, status)
        self.expected[whom] = (role, status)

    def _seats(self) -> int:
        return sum(status != "REMOVED" for _, status in self.expected.values())


TestMembers = Members.TestCase
TestMembers.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
