"""Ports: where profiles and sign-ups are kept, the user pool, the older system, organisations."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tenantry.identity.model import (
    FederatedIdentity,
    InvitationClaim,
    LegacyUser,
    Membership,
    PoolUser,
    Profile,
    Wishes,
)
from tenantry.messaging.event import Event
from tenantry.messaging.stamp import Cause
from tenantry.tenancy.access import MemberStatus, OrganizationStatus, Standing
from tenantry.tenancy.roles import Role


@dataclass(frozen=True)
class Overview:
    """What one read finds of a person and an organisation; either may be missing."""

    profile: Profile | None
    membership: Membership | None


@dataclass(frozen=True)
class Kept:
    """What is remembered of how a person came in."""

    wishes: Wishes
    migrated: bool
    claim: InvitationClaim | None = None


class ProfileRepository(Protocol):
    def get(self, user_id: str) -> Profile | None:
        """The profile, strongly consistent."""

    def overview(self, user_id: str, organization_id: str | None) -> Overview:
        """Profile and membership of an organisation, strongly consistent, in one round trip."""

    def create(self, profile: Profile, events: tuple[Event, ...]) -> Profile:
        """Store the profile unless there is one; answers the one that stands there."""

    def save(self, before: Profile, after: Profile, events: tuple[Event, ...]) -> None:
        """Store `after` over `before`; ConflictError unless `before` still stands there."""


class Homes(Protocol):
    def of(self, user_id: str, limit: int) -> tuple[str, ...]:
        """Up to `limit` organisations that a person belongs to, as of a moment ago."""


class SignUpRepository(Protocol):
    def keep(
        self,
        user_name: str,
        wishes: Wishes,
        purge_at: datetime,
        claim: InvitationClaim | None = None,
    ) -> None:
        """Remember the wishes of a sign-up, and the invitation it came with, until `purge_at`."""

    def mark_migrated(self, email: str, purge_at: datetime) -> None:
        """Remember until `purge_at` that the person of an address comes from the older system."""

    def comes_over(self, email: str, now: datetime) -> bool:
        """Whether the person of an address is marked, at `now`, as of the older system."""

    def kept(self, user_name: str | None, email: str, now: datetime) -> Kept:
        """What is remembered at `now`; no wishes when there are none, or without a user name."""


class Departed(Protocol):
    """What is known of people who leave for good."""

    def get(self, user_id: str) -> Profile | None: ...

    def belongs_elsewhere(self, user_id: str, tenant_id: str) -> bool:
        """Whether they are a member of another organisation too, as of a moment ago."""

    def erase(self, user_id: str) -> None:
        """Remove the person's items; what is gone is fine."""


class UserDirectory(Protocol):
    """The user pool, as far as its administrator's side is needed."""

    def find(self, pool_id: str, email: str) -> PoolUser | None:
        """The pool's own user who owns an address."""

    def link(self, pool_id: str, identity: FederatedIdentity, user_name: str) -> None:
        """Let a federated identity sign in as an existing user; linking twice is once."""

    def sign_out(self, pool_id: str, user_name: str) -> None:
        """End every session of a user; nothing when there is no such user any more."""

    def is_operator(self, pool_id: str, user_name: str) -> bool:
        """Whether they are one of the platform's; nobody is whom the pool does not know."""

    def operator_ids(self, pool_id: str) -> list[str]:
        """The ids of all who are the platform's."""

    def delete(self, pool_id: str, user_name: str) -> None:
        """Delete a user; what is gone is fine."""


class LegacyDirectory(Protocol):
    """The older system; UnavailableError when it does not answer in time, or not sensibly."""

    def sign_in(self, email: str, password: str) -> LegacyUser | None:
        """The person; None for an unknown address and for a wrong password alike."""

    def find(self, email: str) -> LegacyUser | None:
        """The person who owns an address."""


class OrganizationMembership(Protocol):
    @property
    def organization_id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def slug(self) -> str: ...
    @property
    def role(self) -> Role: ...
    @property
    def status(self) -> MemberStatus: ...
    @property
    def plan(self) -> str: ...
    @property
    def organization_status(self) -> OrganizationStatus: ...
    @property
    def joined_at(self) -> datetime: ...


class MembershipPage(Protocol):
    @property
    def items(self) -> Sequence[OrganizationMembership]: ...
    @property
    def next_cursor(self) -> str | None: ...


class Organizations(Protocol):
    """The organisations context, as identity needs it. Everything here may be done again."""

    def found(self, user_id: str, name: str, cause: Cause) -> str:
        """The id of the organisation that a user named at sign-up, founded once, them its owner."""

    def join_by_domain(self, user_id: str, email: str, cause: Cause) -> str | None:
        """The id of the organisation that a proven address makes its owner a member of, if any."""

    def joinable(self, organization_id: str, email: str) -> None:
        """Return when a stranger could join; an error in words safe for them otherwise."""

    def standing_of(self, user_id: str, tenant_id: str) -> Standing | None:
        """The user's standing in an organisation; None when they are no member of it."""

    def memberships(self, user_id: str, first: int | None, after: str | None) -> MembershipPage:
        """The user's organisations; NoOrganizationError when there is not a single one."""


class Invitations(Protocol):
    """The invitations context, as identity needs it. Everything here may be done again."""

    def claim(self, token: str, email: str) -> InvitationClaim:
        """What a sign-up may keep of a token; InvalidInputError when it opens nothing to it."""

    def join(
        self, claim: InvitationClaim, user_id: str, email: str, name: str | None, cause: Cause
    ) -> str | None:
        """The id of the organisation that a proven address was let into; None when it is over."""
