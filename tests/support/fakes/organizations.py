"""Organisations in memory, behind the same ports as DynamoDB's adapters."""

from dataclasses import dataclass, field

from tenantry.errors import (
    ConflictError,
    DomainTakenError,
    ForbiddenError,
    LimitExceededError,
    NotAMemberError,
    SlugTakenError,
    UnavailableError,
)
from tenantry.messaging.event import Event
from tenantry.organizations.model import DomainClaim, Member, Membership, Organization
from tenantry.organizations.repository import Acting
from tenantry.organizations.seats import COUNTERS
from tenantry.tenancy.access import MemberStatus, Standing
from tenantry.tenancy.caller import Caller
from tenantry.tenancy.metering import Batch, StoredCalls


@dataclass
class InMemoryOrganizations:
    organizations: dict[str, Organization] = field(default_factory=dict)
    members: dict[tuple[str, str], Member] = field(default_factory=dict)
    slugs: dict[str, str] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    def create(
        self, organization: Organization, owner: Member, created: Event, joined: Event
    ) -> Organization:
        tenant_id = organization.tenant_id
        if stored := self.organizations.get(tenant_id):
            return stored
        if organization.slug in self.slugs:
            raise SlugTakenError(organization.slug)
        self.organizations[tenant_id] = organization
        self.members[tenant_id, owner.user_id] = owner
        self.slugs[organization.slug] = tenant_id
        self.events += [created, joined]
        return organization

    def get(self, tenant_id: str) -> Organization | None:
        return self.organizations.get(tenant_id)

    def acting(self, tenant_id: str, user_id: str) -> Acting:
        return Acting(self.organizations.get(tenant_id), self.members.get((tenant_id, user_id)))

    def save(self, before: Organization, after: Organization, event: Event) -> None:
        stored = self.organizations.get(before.tenant_id)
        if event in self.events:
            return
        if stored is None or stored.entity_version != before.entity_version:
            raise ConflictError(before.tenant_id)
        kept = {name: getattr(stored, name) for name in COUNTERS}
        self.organizations[before.tenant_id] = after.model_copy(update=kept)
        self.events.append(event)

    def join(self, member: Member, organization: Organization, joined: Event) -> None:
        stored = self.organizations[organization.tenant_id]
        as_read = (organization.status, organization.plan)
        if (member.tenant_id, member.user_id) in self.members or (
            (stored.status, stored.plan) != as_read
        ):
            raise ConflictError(organization.tenant_id)
        if stored.is_full:
            raise LimitExceededError(organization.tenant_id)
        self.members[member.tenant_id, member.user_id] = member
        seated = stored.model_copy(update={"used_users": stored.used_users + 1})
        self.organizations[organization.tenant_id] = seated
        self.events.append(joined)

    def memberships(
        self, user_id: str, limit: int, after: str | None
    ) -> tuple[list[Membership], str | None]:
        own = sorted(
            (
                member
                for member in self.members.values()
                if member.user_id == user_id and member.status is not MemberStatus.REMOVED
            ),
            key=lambda member: member.tenant_id,
        )
        left = [member for member in own if after is None or member.tenant_id > after]
        page = left[:limit]
        last = page[-1].tenant_id if len(left) > limit else None
        return [Membership(m, self.organizations[m.tenant_id]) for m in page], last

    def standing(self, caller: Caller) -> Standing:
        """As the `Access` port."""
        found = self.acting(caller.organization_id, caller.user_id)
        if found.organization is None or found.member is None:
            raise NotAMemberError("not a member")
        return found.member.standing_in(found.organization)


@dataclass
class InMemoryDomains:
    claims: dict[tuple[str, str], DomainClaim] = field(default_factory=dict)
    holders: dict[str, str] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    def read(self, tenant_id: str, domain: str) -> tuple[DomainClaim | None, str | None]:
        return self.claims.get((tenant_id, domain)), self.holders.get(domain)

    def holder(self, domain: str) -> str | None:
        return self.holders.get(domain)

    def claim(self, before: DomainClaim | None, after: DomainClaim, event: Event) -> None:
        self._replace(before, after, event)

    def prove(self, before: DomainClaim, after: DomainClaim, event: Event) -> None:
        if self.holders.get(after.domain, after.tenant_id) != after.tenant_id:
            raise DomainTakenError(after.domain)
        self._replace(before, after, event)
        self.holders[after.domain] = after.tenant_id

    def release(self, before: DomainClaim, after: DomainClaim, event: Event) -> None:
        self._replace(before, after, event)
        if self.holders.get(after.domain) == after.tenant_id:
            del self.holders[after.domain]

    def _replace(self, before: DomainClaim | None, after: DomainClaim, event: Event) -> None:
        where = after.tenant_id, after.domain
        if event in self.events:
            return
        if self.claims.get(where) != before:
            raise ConflictError(after.domain)
        self.claims[where] = after
        self.events.append(event)


@dataclass
class FakeOperators:
    """Everybody of the operators' group but those who are suspended."""

    suspended: set[str] = field(default_factory=set)

    def require_active(self, caller: Caller) -> None:
        caller.require_operator()
        if caller.user_id in self.suspended:
            raise ForbiddenError("Only operators of the platform may do this.")


@dataclass
class FakeDns:
    """DNS with these TXT records; `is_down` answers nothing."""

    records: dict[str, list[str]] = field(default_factory=dict)
    is_down: bool = False

    def texts(self, name: str) -> list[str]:
        if self.is_down:
            raise UnavailableError("DNS does not answer")
        return self.records.get(name, [])


@dataclass
class InMemoryCalls:
    """API calls added up, behind the port of `CallStore`; `is_down` stores and tells nothing.

    `loses_answers` is how many batches will be stored without its being known.
    """

    calls: dict[str, tuple[str | None, int]] = field(default_factory=dict)
    """By organisation: the month and its count."""
    batches: list[Batch] = field(default_factory=list)
    is_down: bool = False
    loses_answers: int = 0

    def add(self, batch: Batch) -> None:
        if self.is_down:
            raise UnavailableError("the table does not answer")
        if batch.token not in {known.token for known in self.batches}:
            month, count = self.calls.get(batch.tenant_id, (None, 0))
            if month is None or month < batch.month:
                month, count = batch.month, 0
            if month == batch.month:
                self.calls[batch.tenant_id] = month, count + batch.calls
            self.batches.append(batch)
        if self.loses_answers:
            self.loses_answers -= 1
            raise UnavailableError("the answer was lost")

    def stored(self, tenant_id: str, limit: int | None = None) -> StoredCalls:
        """As the next request reads it."""
        month, count = self.calls.get(tenant_id, (None, 0))
        return StoredCalls(tenant_id, count, month, limit)
