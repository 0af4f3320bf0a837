"""Organisations in memory, behind the same ports as DynamoDB's adapters."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from tenantry.errors import (
    ConflictError,
    DomainTakenError,
    ForbiddenError,
    LastOwnerError,
    LimitExceededError,
    SlugTakenError,
    UnavailableError,
)
from tenantry.messaging.event import Event
from tenantry.organizations.machines import Appearing, Machine, MachineWrites, machine_item
from tenantry.organizations.model import (
    FOUNDED_AT_MOST,
    DomainClaim,
    Member,
    Membership,
    Organization,
    SupportSession,
)
from tenantry.organizations.repository import Acting, Card, MemberChange, Unreadable
from tenantry.organizations.seats import COUNTERS
from tenantry.persistence.writes import Change, Create, Write
from tenantry.tenancy.access import MemberStatus, Standing
from tenantry.tenancy.caller import Caller
from tenantry.tenancy.metering import Batch, StoredCalls, Unmetered
from tests.support.clock import START


@dataclass
class InMemoryOrganizations:
    organizations: dict[str, Organization] = field(default_factory=dict)
    members: dict[tuple[str, str], Member] = field(default_factory=dict)
    slugs: dict[str, str] = field(default_factory=dict)
    support: dict[tuple[str, str], SupportSession] = field(default_factory=dict)
    """The latest session of each operator, by organisation and operator."""
    suspended: set[str] = field(default_factory=set)
    """Users whose profile says that the platform has suspended them."""
    events: list[Event] = field(default_factory=list)
    founded: Counter[str] = field(default_factory=Counter)

    def create(
        self,
        organization: Organization,
        owner: Member,
        created: Event,
        joined: Event,
        at_most: int = FOUNDED_AT_MOST,
    ) -> Organization:
        tenant_id = organization.tenant_id
        if stored := self.organizations.get(tenant_id):
            return stored
        if self.founded[owner.user_id] >= at_most:
            raise LimitExceededError(owner.user_id)
        if organization.slug in self.slugs:
            raise SlugTakenError(organization.slug)
        self.founded[owner.user_id] += 1
        self.organizations[tenant_id] = organization
        self.members[tenant_id, owner.user_id] = owner
        self.slugs[organization.slug] = tenant_id
        self.events += [created, joined]
        return organization

    def get(self, tenant_id: str) -> Organization | None:
        return self.organizations.get(tenant_id)

    def is_barred(self, user_id: str) -> bool:
        return user_id in self.suspended

    def acting(
        self, tenant_id: str, user_id: str, *, operator: bool = False, other: str | None = None
    ) -> Acting:
        in_good_standing = operator and user_id not in self.suspended
        return Acting(
            self.organizations.get(tenant_id),
            self.members.get((tenant_id, user_id)),
            self.support.get((tenant_id, user_id)) if in_good_standing else None,
            self.members.get((tenant_id, other)) if other else None,
        )

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
        if user_id in self.suspended:
            raise ForbiddenError(user_id)
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
        acting = self.acting(caller.organization_id, caller.user_id, operator=caller.is_operator)
        return acting.found(START, Unmetered())[1]


@dataclass
class InMemoryMembers:
    """Members of `organizations`, which counts their seats and owners."""

    organizations: InMemoryOrganizations = field(default_factory=InMemoryOrganizations)
    versions: dict[tuple[str, str], int] = field(default_factory=dict)
    """Of the profiles that the copies were made of."""
    pages: int = 0

    def save(self, *changes: MemberChange, heir: str | None = None) -> None:
        events = [event for change in changes for event in change.events]
        if events[0] in self.organizations.events:
            return
        for change in changes:
            current = self.organizations.members.get(_place(change.before))
            if current is None or current.entity_version != change.before.entity_version:
                raise ConflictError(change.before.user_id)
        tenant_id = changes[0].before.tenant_id
        stored = self.organizations.organizations[tenant_id]
        stays = self.organizations.members.get((tenant_id, heir)) if heir else None
        if heir and not (stays and stays.leads and not stays.barred):
            raise ConflictError(heir)
        seats = sum(c.after.is_current - c.before.is_current for c in changes)
        owners = sum(c.after.leads - c.before.leads for c in changes)
        if owners < 0 and stored.owners + owners < 1:
            raise LastOwnerError(tenant_id)
        moved = {
            "used_users": stored.used_users + seats,
            "owners": stored.owners + owners,
        }
        self.organizations.organizations[tenant_id] = stored.model_copy(update=moved)
        for change in changes:
            # What was shown meanwhile is no version, and stays.
            current = self.organizations.members[_place(change.after)]
            names = Member.model_fields
            was, now = (dict(each) for each in (change.before, change.after))
            differing = {name: now[name] for name in names if was[name] != now[name]}
            after = current.model_copy(update=differing)
            self.organizations.members[_place(change.after)] = after
            if not change.after.is_current:
                self.versions.pop(_place(change.after), None)
        self.organizations.events += events

    def page(self, tenant_id: str, after: str | None, limit: int) -> tuple[list[Member], bool]:
        self.pages += 1
        own = [m for (tenant, _), m in self.organizations.members.items() if tenant == tenant_id]
        left = sorted((m for m in own if m.user_id > (after or "")), key=lambda m: m.user_id)
        return left[:limit], len(left) > limit

    def tenants_of(self, user_id: str) -> Iterator[str]:
        yield from sorted(t for t, user in self.organizations.members if user == user_id)

    def show(self, tenant_id: str, user_id: str, card: Card) -> bool:
        where = tenant_id, user_id
        member = self.organizations.members.get(where)
        if member is None or member.status is MemberStatus.REMOVED:
            return False
        if self.versions.get(where, 0) >= card.entity_version:
            return False
        shown = {"name": card.name, "email": card.email, "barred": card.is_suspended}
        self.organizations.members[where] = member.model_copy(update=shown)
        self.versions[where] = card.entity_version
        return True


@dataclass
class InMemorySupport:
    """Support sessions in `organizations`."""

    organizations: InMemoryOrganizations = field(default_factory=InMemoryOrganizations)
    sessions: dict[tuple[str, str], SupportSession] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    """Organisations whose sessions break their schema."""

    def open(
        self,
        session: SupportSession,
        opened: Event,
        last: SupportSession | None,
        expired: Event | None,
    ) -> None:
        if opened in self.organizations.events:
            return
        self._replace(last, session)
        self.organizations.events.append(opened)
        if last and expired:
            closed = last.closed(expired.occurred_at)
            self.sessions[closed.tenant_id, closed.session_id] = closed
            self.organizations.events.append(expired)

    def close(self, before: SupportSession, after: SupportSession, event: Event) -> None:
        if event in self.organizations.events:
            return
        self._replace(before, after)
        self.organizations.events.append(event)

    def due(self, now: datetime, most: int) -> Iterator[SupportSession | Unreadable]:
        over = [s for s in self.sessions.values() if s.closed_at is None and s.expires_at <= now]
        for each in sorted(over, key=lambda s: (s.expires_at, s.session_id))[:most]:
            yield Unreadable(each.tenant_id) if each.tenant_id in self.broken else each

    def page(
        self, tenant_id: str, before: str | None, limit: int
    ) -> tuple[list[SupportSession], bool]:
        own = [s for (tenant, _), s in self.sessions.items() if tenant == tenant_id]
        left = [s for s in own if before is None or s.session_id < before]
        newest = sorted(left, key=lambda s: s.session_id, reverse=True)
        return newest[:limit], len(left) > limit

    def _replace(self, before: SupportSession | None, after: SupportSession) -> None:
        where = after.tenant_id, after.operator_id
        if self.organizations.support.get(where) != before:
            raise ConflictError(after.session_id)
        # What says who acts now is no version of the session's.
        self.organizations.support[where] = after.model_copy(update={"entity_version": 1})
        self.sessions[after.tenant_id, after.session_id] = after


def _place(member: Member) -> tuple[str, str]:
    return member.tenant_id, member.user_id


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
class InMemoryMachines(MachineWrites):
    organizations: InMemoryOrganizations
    machines: dict[tuple[str, str], Machine] = field(default_factory=dict)

    def appearing(self, tenant_id: str, client_id: str) -> Appearing:
        return Appearing(
            self.organizations.get(tenant_id), self.machines.get((tenant_id, client_id))
        )

    def organization_of(self, client_id: str) -> str | None:
        return next((at for at, client in self.machines if client == client_id), None)

    def of(self, tenant_id: str) -> list[Machine]:
        mine = [each for each in self.machines.values() if each.tenant_id == tenant_id]
        return sorted(mine, key=lambda each: each.number)

    def save(self, *writes: Write) -> None:
        after = [self._after(write) for write in writes]
        for write, machine in zip(writes, after, strict=True):
            assert isinstance(write, Create | Change)
            self.machines[machine.tenant_id, machine.client_id] = machine
            self.organizations.events += write.events

    def _after(self, write: Write) -> Machine:
        assert isinstance(write, Create | Change)
        where = write.key["PK"].removeprefix("ORG#"), write.key["SK"].removeprefix("MACHINE#")
        stored = self.machines.get(where)
        if isinstance(write, Create):
            if stored:
                raise ConflictError("The credentials have changed since; try again.")
            return Machine.model_validate(write.attributes)
        if stored is None or stored.entity_version != write.expected_version:
            raise ConflictError("The credentials have changed since; try again.")
        version = {"entity_version": stored.entity_version + 1}
        return Machine.model_validate({**machine_item(stored), **write.set, **version})


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
