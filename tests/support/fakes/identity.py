"""The ports of the identity context, in memory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tenantry.errors import (
    ConflictError,
    InvalidInputError,
    NoOrganizationError,
    NotFoundError,
    UnavailableError,
)
from tenantry.identity.model import (
    FederatedIdentity,
    InvitationClaim,
    LegacyUser,
    Membership,
    PoolUser,
    Profile,
    Wishes,
)
from tenantry.identity.repository import Kept, Overview
from tenantry.messaging.event import Event
from tenantry.messaging.stamp import Cause
from tenantry.runtime.identifiers import derived_id
from tenantry.tenancy.access import MemberStatus, OrganizationStatus, Standing
from tenantry.tenancy.roles import Role

JOINED = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class FakeOrganizations:
    """Organisations and memberships by hand; founding and joining do what the real ones do."""

    names: dict[str, str] = field(default_factory=dict)
    domains: dict[str, str] = field(default_factory=dict)
    """Proven domains that want to be joined: whose they are."""
    full: set[str] = field(default_factory=set)
    members: dict[tuple[str, str], Membership] = field(default_factory=dict)
    """By organisation and user."""
    reads: int = 0
    down: bool = False

    def add(
        self,
        organization_id: str,
        user_id: str,
        role: Role = Role.MEMBER,
        status: MemberStatus = MemberStatus.ACTIVE,
        organization_status: OrganizationStatus = OrganizationStatus.ACTIVE,
        plan: str = "FREE",
    ) -> Membership:
        name = self.names.setdefault(organization_id, f"The {organization_id}")
        membership = Membership(
            organization_id=organization_id,
            name=name,
            slug=organization_id.lower(),
            role=role,
            status=status,
            plan=plan,
            organization_status=organization_status,
            joined_at=JOINED,
        )
        self.members[organization_id, user_id] = membership
        return membership

    def found(self, user_id: str, name: str, cause: Cause) -> str:
        self._answer()
        organization_id = derived_id("sign-up", user_id)
        if organization_id not in self.names:
            self.names[organization_id] = name
            self.add(organization_id, user_id, Role.OWNER)
        return organization_id

    def join_by_domain(self, user_id: str, email: str, cause: Cause) -> str | None:
        self._answer()
        organization_id = self.domains.get(email.rpartition("@")[2])
        if organization_id is None:
            return None
        member = self.members.get((organization_id, user_id))
        if member:
            return organization_id if member.status is MemberStatus.ACTIVE else None
        if organization_id in self.full:
            return None
        self.add(organization_id, user_id)
        return organization_id

    def joinable(self, organization_id: str, email: str) -> None:
        self._answer()
        if organization_id not in self.names or organization_id in self.full:
            raise NotFoundError("This organisation cannot be joined with this address.")

    def standing_of(self, user_id: str, tenant_id: str) -> Standing | None:
        self.reads += 1
        self._answer()
        member = self.members.get((tenant_id, user_id))
        if member is None:
            return None
        return Standing(
            tenant_id=tenant_id,
            user_id=user_id,
            role=member.role,
            member_status=member.status,
            organization_status=member.organization_status,
            plan=member.plan,
            organization_created_at=JOINED,
        )

    def memberships(self, user_id: str, first: int | None, after: str | None) -> "FakePage":
        self.reads += 1
        self._answer()
        found = sorted(
            (m for (_, user), m in self.members.items() if user == user_id),
            key=lambda m: m.organization_id,
        )
        current = [m for m in found if m.status is not MemberStatus.REMOVED]
        if not current and after is None:
            raise NoOrganizationError("You do not belong to an organisation yet.")
        rest = [m for m in current if after is None or m.organization_id > after]
        size = first or 25
        page = rest[:size]
        return FakePage(page, page[-1].organization_id if len(rest) > size else None)

    def _answer(self) -> None:
        if self.down:
            raise UnavailableError("down")


@dataclass
class FakePage:
    items: Sequence[Membership]
    next_cursor: str | None


@dataclass
class InMemoryProfileRepository:
    """Keeps the events too, once each, in the order in which they were stamped."""

    organizations: FakeOrganizations = field(default_factory=FakeOrganizations)
    profiles: dict[str, Profile] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    reads: int = 0
    before_save: Callable[[], None] | None = None
    """Runs once, right before the next save: what somebody else does meanwhile."""

    def get(self, user_id: str) -> Profile | None:
        self.reads += 1
        return self.profiles.get(user_id)

    def overview(self, user_id: str, organization_id: str | None) -> Overview:
        self.reads += 1
        membership = self.organizations.members.get((organization_id or "", user_id))
        return Overview(self.profiles.get(user_id), membership)

    def create(self, profile: Profile, events: tuple[Event, ...]) -> Profile:
        if profile.user_id not in self.profiles:
            self.profiles[profile.user_id] = profile
            self.events += events
        return self.profiles[profile.user_id]

    def save(self, before: Profile, after: Profile, events: tuple[Event, ...]) -> None:
        meanwhile, self.before_save = self.before_save, None
        if meanwhile:
            meanwhile()
        if {event.id for event in events} <= {known.id for known in self.events}:
            return
        stored = self.profiles.get(before.user_id)
        if stored is None or stored.entity_version != before.entity_version:
            raise ConflictError("The profile has changed since; read it again.")
        self.profiles[before.user_id] = after
        self.events += events

    @property
    def told(self) -> list[str]:
        """The types of the events, in order."""
        return [event.type for event in self.events]


@dataclass
class InMemorySignUpRepository:
    items: dict[str, tuple[Wishes, datetime]] = field(default_factory=dict)
    claims: dict[str, InvitationClaim] = field(default_factory=dict)
    migrated: dict[str, datetime] = field(default_factory=dict)

    def keep(
        self,
        user_name: str,
        wishes: Wishes,
        purge_at: datetime,
        claim: InvitationClaim | None = None,
    ) -> None:
        self.items[user_name] = (wishes, purge_at)
        if claim:
            self.claims[user_name] = claim

    def mark_migrated(self, email: str, purge_at: datetime) -> None:
        self.migrated[email] = purge_at

    def comes_over(self, email: str, now: datetime) -> bool:
        return email in self.migrated and self.migrated[email] > now

    def kept(self, user_name: str | None, email: str, now: datetime) -> Kept:
        wishes, until = self.items.get(user_name or "", (Wishes(), now))
        claim = self.claims.get(user_name or "") if until > now else None
        return Kept(
            wishes if until > now else Wishes(), migrated=self.comes_over(email, now), claim=claim
        )


@dataclass
class FakeInvitations:
    """Invitations by hand: by token, whose they are; a join is a membership of `organizations`."""

    organizations: FakeOrganizations = field(default_factory=FakeOrganizations)
    mailed: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By token: the address and the organisation."""
    links: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By token: the domain and the organisation."""
    over: set[str] = field(default_factory=set)
    joins: list[tuple[str, str]] = field(default_factory=list)

    def claim(self, token: str, email: str) -> InvitationClaim:
        mailed = self.mailed.get(token)
        link = self.links.get(token)
        if mailed and mailed[0] == email and token not in self.over:
            found, kind = mailed[1], "m"
        elif link and email.endswith(f"@{link[0]}") and token not in self.over:
            found, kind = link[1], "l"
        else:
            fault = "does not open an invitation of this e-mail address"
            raise InvalidInputError([{"field": "invitation_token", "message": fault}])
        return InvitationClaim(
            kind=kind,
            organization_id=found,
            invitation_id="i-1",
            token_hash=f"hash of {token}",
            mailed=kind == "m",
        )

    def join(
        self, claim: InvitationClaim, user_id: str, email: str, name: str | None, cause: Cause
    ) -> str | None:
        self.joins.append((user_id, email))
        if claim.token_hash.removeprefix("hash of ") in self.over:
            return None
        self.organizations.add(claim.organization_id, user_id)
        return claim.organization_id


@dataclass
class FakeUserDirectory:
    users: dict[str, PoolUser] = field(default_factory=dict)
    """By address."""
    links: set[tuple[FederatedIdentity, str]] = field(default_factory=set)
    signed_out: list[str] = field(default_factory=list)
    operators: set[str] = field(default_factory=set)
    """By user names, like those `deleted`."""
    deleted: list[str] = field(default_factory=list)

    def find(self, pool_id: str, email: str) -> PoolUser | None:
        return self.users.get(email)

    def link(self, pool_id: str, identity: FederatedIdentity, user_name: str) -> None:
        self.links.add((identity, user_name))

    def sign_out(self, pool_id: str, user_name: str) -> None:
        self.signed_out.append(user_name)

    def is_operator(self, pool_id: str, user_name: str) -> bool:
        return user_name in self.operators

    def operator_ids(self, pool_id: str) -> list[str]:
        return sorted(self.operators)

    def delete(self, pool_id: str, user_name: str) -> None:
        self.deleted.append(user_name)
        self.users = {at: user for at, user in self.users.items() if user.user_name != user_name}


@dataclass
class FakeLegacyDirectory:
    users: dict[str, tuple[str, LegacyUser]] = field(default_factory=dict)
    """By address: password and person."""
    down: bool = False

    def sign_in(self, email: str, password: str) -> LegacyUser | None:
        self._answer()
        known, user = self.users.get(email, ("", None))
        return user if user and known == password else None

    def find(self, email: str) -> LegacyUser | None:
        self._answer()
        return self.users.get(email, ("", None))[1]

    def _answer(self) -> None:
        if self.down:
            raise UnavailableError("The older system does not answer.")
