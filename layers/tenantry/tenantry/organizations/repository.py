"""Ports: where organisations, members, support sessions and domain claims are kept; DNS; people."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from tenantry.errors import ForbiddenError, NotAMemberError
from tenantry.messaging.event import Event
from tenantry.organizations.model import (
    FOUNDED_AT_MOST,
    DomainClaim,
    Member,
    Membership,
    Organization,
    SupportSession,
    SupportStatus,
)
from tenantry.tenancy.access import ACCOUNT_SUSPENDED, MemberStatus, Standing
from tenantry.tenancy.caller import Caller
from tenantry.tenancy.metering import Meter


@dataclass(frozen=True)
class Acting:
    """What one read finds of a user and an organisation; each may be missing."""

    organization: Organization | None
    member: Member | None
    support: SupportSession | None = None
    """Their latest session, when they are an operator in good standing."""
    other: Member | None = None
    """Another member, when one was asked for."""

    def found(self, now: datetime, meter: Meter) -> tuple[Organization, Standing]:
        """The organisation, and where the user stands in it; NotAMemberError when nowhere.

        An operator's open session counts only while they are no member themselves. A member's call
        is counted as one of the organisation's; those of others, support sessions too, are not.
        ForbiddenError for a person whom the platform has suspended.
        """
        if self.organization is None:
            raise NotAMemberError("You are not a member of this organisation.")
        acts = self.support and self.support.status(now) is SupportStatus.OPEN
        if self.support and acts and not (self.member and self.member.is_current):
            return self.organization, self.support.standing_in(self.organization)
        if self.member is None:
            raise NotAMemberError("You are not a member of this organisation.")
        if self.member.barred:
            raise ForbiddenError(ACCOUNT_SUSPENDED)
        standing = self.member.standing_in(self.organization)
        if standing.member_status is not MemberStatus.ACTIVE:
            return self.organization, standing
        used_up = meter.counted(self.organization.stored_calls)
        return self.organization, replace(standing, calls_used_up=used_up) if used_up else standing


@dataclass(frozen=True)
class MemberChange:
    """A member's next version, with what it tells."""

    before: Member
    after: Member
    events: tuple[Event, ...]


class Card(Protocol):
    """What a profile shows of a person to those they work with."""

    @property
    def name(self) -> str | None: ...
    @property
    def email(self) -> str: ...
    @property
    def is_suspended(self) -> bool:
        """By the platform, so from every organisation."""

    @property
    def entity_version(self) -> int: ...


class Profiles(Protocol):
    """The identity context, as far as members are shown by name."""

    def card(self, user_id: str) -> Card | None:
        """The person's card as it stands; None for who has no profile (yet)."""


class Operators(Protocol):
    def require_active(self, caller: Caller) -> None:
        """Return for an operator who is not suspended; ForbiddenError otherwise."""


class OrganizationRepository(Protocol):
    def create(
        self,
        organization: Organization,
        owner: Member,
        created: Event,
        joined: Event,
        at_most: int = FOUNDED_AT_MOST,
    ) -> Organization:
        """Store organisation, owner and slug, and count what the owner founded, all or none.

        Answers the organisation that stands at the id: the very one given, or the one that stood
        there first. LimitExceededError when the owner has founded `at_most` already,
        SlugTakenError when another organisation holds the slug.
        """

    def get(self, tenant_id: str) -> Organization | None:
        """The organisation, strongly consistent."""

    def is_barred(self, user_id: str) -> bool:
        """Whether the platform has suspended the person; strongly consistent."""

    def acting(
        self, tenant_id: str, user_id: str, *, operator: bool = False, other: str | None = None
    ) -> Acting:
        """Organisation and member, strongly consistent, in one round trip.

        With it the support session of an `operator` whose own account is active, and the `other`
        member.
        """

    def save(self, before: Organization, after: Organization, event: Event) -> None:
        """Store `after` over `before`; ConflictError unless `before` still stands there."""

    def join(self, member: Member, organization: Organization, joined: Event) -> None:
        """Store the member and take a seat, both or none.

        LimitExceededError when no seat is free; ConflictError when the member exists, or status
        or plan of the organisation are no longer as read.
        """

    def memberships(
        self, user_id: str, limit: int, after: str | None
    ) -> tuple[list[Membership], str | None]:
        """Up to `limit` memberships of a user after the organisation `after`, ended ones left out.

        With them the organisation to go on after; None at the end. As of a moment ago.
        ForbiddenError for a person whom the platform has suspended.
        """


class MemberRepository(Protocol):
    def save(self, *changes: MemberChange, heir: str | None = None) -> None:
        """Store the changes with the seats and owners that they move, all or none.

        ConflictError unless each `before` still stands there, and the `heir` is an owner who can
        act; LastOwnerError when the organisation would be left without an active owner.
        """

    def page(self, tenant_id: str, after: str | None, limit: int) -> tuple[list[Member], bool]:
        """Up to `limit` members after the user `after`, ended ones too, and whether there are more.

        Strongly consistent, one round trip, ordered by user.
        """

    def tenants_of(self, user_id: str) -> Iterable[str]:
        """The organisations of which a user is or was a member, as of a moment ago."""

    def show(self, tenant_id: str, user_id: str, card: Card) -> bool:
        """Make a member's copy of the card current, telling nobody.

        False when it is as new already, or there is no member whose it would be.
        """


@dataclass(frozen=True)
class Unreadable:
    """What stands where a session of an organisation should, and breaks its schema."""

    tenant_id: str


class SupportRepository(Protocol):
    def open(
        self,
        session: SupportSession,
        opened: Event,
        last: SupportSession | None,
        expired: Event | None,
    ) -> None:
        """Store an operator's session in place of the `last` one, which `expired` ends.

        ConflictError when another one has been opened since.
        """

    def close(self, before: SupportSession, after: SupportSession, event: Event) -> None:
        """Store the session's end; ConflictError unless `before` is still open."""

    def due(self, now: datetime, most: int) -> Iterable[SupportSession | Unreadable]:
        """Up to `most` sessions whose time is over, the longest over first, of all organisations.

        One that cannot be read keeps no other from coming.
        As of a moment ago: one that has been closed meanwhile may be among them.
        """

    def page(
        self, tenant_id: str, before: str | None, limit: int
    ) -> tuple[list[SupportSession], bool]:
        """Up to `limit` sessions, newest first, before the session `before`; whether more are."""


class DomainRepository(Protocol):
    def read(self, tenant_id: str, domain: str) -> tuple[DomainClaim | None, str | None]:
        """The organisation's claim, and the id of the organisation that has proven the domain."""

    def holder(self, domain: str) -> str | None:
        """The id of the organisation that has proven the domain."""

    def claim(self, before: DomainClaim | None, after: DomainClaim, event: Event) -> None:
        """Store a pending claim; ConflictError when `before` no longer stands there."""

    def prove(self, before: DomainClaim, after: DomainClaim, event: Event) -> None:
        """Store a verified claim and take the domain, both or none.

        DomainTakenError when another organisation has it; ConflictError when `before` no longer
        stands there.
        """

    def release(self, before: DomainClaim, after: DomainClaim, event: Event) -> None:
        """Store the released claim and give the domain up; ConflictError as in `prove`."""


class DnsResolver(Protocol):
    def texts(self, name: str) -> list[str]:
        """The TXT records of `name`, none when there are none; UnavailableError without answer."""
