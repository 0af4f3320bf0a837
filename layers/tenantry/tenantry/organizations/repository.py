"""Ports: where organisations, members and domain claims are kept; DNS; who is an operator."""

from dataclasses import dataclass, replace
from typing import Protocol

from tenantry.errors import NotAMemberError
from tenantry.messaging.event import Event
from tenantry.organizations.model import DomainClaim, Member, Membership, Organization
from tenantry.tenancy.access import MemberStatus, Standing
from tenantry.tenancy.caller import Caller
from tenantry.tenancy.metering import Meter


@dataclass(frozen=True)
class Acting:
    """What one read finds of a user and an organisation; either may be missing."""

    organization: Organization | None
    member: Member | None

    def standing(self, meter: Meter) -> Standing:
        """The member's standing, in which one API call of the organisation is counted.

        NotAMemberError when either is missing. Calls of those who are no active members are not
        the organisation's.
        """
        if self.organization is None or self.member is None:
            raise NotAMemberError("You are not a member of this organisation.")
        standing = self.member.standing_in(self.organization)
        if standing.member_status is not MemberStatus.ACTIVE:
            return standing
        used_up = meter.counted(self.organization.stored_calls)
        return replace(standing, calls_used_up=used_up) if used_up else standing


class Operators(Protocol):
    def require_active(self, caller: Caller) -> None:
        """Return for an operator who is not suspended; ForbiddenError otherwise."""


class OrganizationRepository(Protocol):
    def create(
        self, organization: Organization, owner: Member, created: Event, joined: Event
    ) -> Organization:
        """Store organisation, owner and slug, all or none.

        Answers the organisation that stands at the id: the very one given, or the one that stood
        there first. SlugTakenError when another organisation holds the slug.
        """

    def get(self, tenant_id: str) -> Organization | None:
        """The organisation, strongly consistent."""

    def acting(self, tenant_id: str, user_id: str) -> Acting:
        """Organisation and member, strongly consistent, in one round trip."""

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
        """


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
