"""Ports: where invitations are kept, and the seats and members that accepting one moves."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tenantry.invitations.model import Invitation, InvitationLink, Kind, Quota
from tenantry.messaging.event import Event, EventData
from tenantry.organizations.events import How
from tenantry.organizations.model import Member, Organization
from tenantry.persistence.writes import Change, Check, Count, Create
from tenantry.tenancy.roles import Role


class Seats(Protocol):
    """The organisations' writes of seats and members, to be composed into transactions."""

    def reserve(
        self, tenant_id: str, *, limit: int | None, require: Mapping[str, str], seats: int = 1
    ) -> Count:
        """Take seats; refused past `limit`, or when `require` is no longer so."""

    def release(self, tenant_id: str, *, seats: int = 1) -> Count:
        """Give seats back."""

    def admit(self, tenant_id: str, role: Role) -> Check | Count:
        """The organisation lets somebody in whose seat is reserved; refused unless active."""

    def joined(self, tenant_id: str, user_id: str, role: Role, how: How) -> EventData:
        """What is to be stamped for `join`."""

    def join(
        self,
        tenant_id: str,
        user_id: str,
        role: Role,
        at: datetime,
        event: Event,
        *,
        name: str | None = None,
        email: str | None = None,
        after: int | None = None,
    ) -> Create | Change:
        """A new active member, over a membership that ended at the version `after`."""

    def vouch(self, tenant_id: str, user_id: str, roles: Collection[Role]) -> Check:
        """Refused unless they are an active member in one of the roles."""


@dataclass(frozen=True)
class Host:
    """An organisation that invites, and the latest invitation of each address asked for.

    `latest_ids` outlast the invitations, which are gone some time after their end.
    """

    organization: Organization
    latest: Mapping[str, Invitation]
    latest_ids: Mapping[str, str]


@dataclass(frozen=True)
class Person:
    """Somebody with an account: `proven_email` when the user pool vouches for it."""

    user_id: str
    email: str
    proven_email: str | None
    name: str | None = None
    locale: str | None = None
    is_suspended: bool = False
    """By the platform, so let in nowhere."""


@dataclass(frozen=True)
class Knock:
    """What one read finds of an invitation or link, its organisation, and who holds its token."""

    organization: Organization | None
    invitation: Invitation | None = None
    link: InvitationLink | None = None
    member: Member | None = None
    person: Person | None = None


@dataclass(frozen=True)
class Entry:
    """Who comes in: `after` is the version at which an earlier membership of theirs ended."""

    user_id: str
    role: Role
    at: datetime
    joined: Event
    name: str | None
    email: str
    after: int | None = None


@dataclass(frozen=True)
class Due:
    """Something whose time may have come."""

    kind: Kind
    tenant_id: str
    invitation_id: str


@dataclass(frozen=True)
class Sender:
    """Who is behind an invitation, and the organisation, as a mail names them."""

    organization: Organization | None
    person: Person | None
    member: Member | None

    @property
    def locale(self) -> str | None:
        return self.person.locale if self.person else None


class InvitationRepository(Protocol):
    """Everything strongly consistent, but for `due`."""

    # inviting

    def host(self, tenant_id: str, emails: Sequence[str]) -> Host | None:
        """The organisation, with the latest invitation of each address; None without one."""

    def member_emails(self, tenant_id: str) -> frozenset[str]:
        """The addresses of those who are members, as they are known here."""

    def create(
        self,
        invitation: Invitation,
        organization: Organization,
        previous_id: str | None,
        quota: Quota,
        event: Event,
    ) -> None:
        """Store the invitation, take its seat and count its mail: all or none.

        LimitExceededError when no seat is free, InvitationQuotaError when too many mails went
        out; ConflictError when `previous_id` is no longer the address's latest, or the
        organisation has changed since.
        """

    def send_again(self, before: Invitation, after: Invitation, quota: Quota, event: Event) -> None:
        """Store `after` and count its mail; InvitationQuotaError, ConflictError as in `create`."""

    def get(self, tenant_id: str, invitation_id: str) -> Invitation | None: ...

    def page(self, tenant_id: str, after: str | None, limit: int) -> tuple[list[Invitation], bool]:
        """Up to `limit` invitations, newest first, after the one `after`; whether more are."""

    # ending

    def remind(self, before: Invitation, after: Invitation, event: Event) -> None:
        """Store that it was reminded of; ConflictError unless `before` still stands there."""

    def end(self, before: Invitation, after: Invitation, event: Event) -> None:
        """Store its end and give its seat back; ConflictError unless `before` still stands."""

    # links

    def create_link(self, link: InvitationLink, quota: Quota, event: Event) -> None:
        """Store the link and count its mail; InvitationQuotaError."""

    def get_link(self, tenant_id: str, link_id: str) -> InvitationLink | None: ...

    def link_page(
        self, tenant_id: str, limit: int, after: str | None
    ) -> tuple[list[InvitationLink], str | None]:
        """Links, newest first, and the id to go on after."""

    def end_link(self, before: InvitationLink, after: InvitationLink, event: Event) -> None:
        """Store its end; ConflictError unless `before` still stands there."""

    # tokens

    def add_hash(self, of: Invitation | InvitationLink, token_hash: str) -> bool:
        """Let a token of this hash open it; False when it is over, or of another generation."""

    # accepting

    def knock(self, kind: Kind, tenant_id: str, invitation_id: str, user_id: str | None) -> Knock:
        """Invitation or link, its organisation, and the person, in one round trip."""

    def voucher(self, tenant_id: str, user_id: str) -> Member | None:
        """The member who vouches for an invitation."""

    def accept(
        self,
        before: Invitation,
        after: Invitation,
        accepted: Event,
        entry: Entry,
        vouching: Collection[Role],
    ) -> None:
        """Use the invitation and make the member, at most four items: all or none.

        InvitationInvalidError when its inviter may no longer give the role, AlreadyMemberError
        when they are a member, OrganizationSuspendedError unless the organisation is active,
        ConflictError when the invitation or the ended membership has changed since.
        """

    def accept_link(
        self,
        link: InvitationLink,
        organization: Organization,
        entry: Entry,
        vouching: Collection[Role],
    ) -> None:
        """Use the link once, take a seat and make the member: all or none.

        As `accept`; LimitExceededError when no seat is free.
        """

    # sweeping and mailing

    def due(self, now: datetime, most: int) -> Iterator[Due]:
        """Up to `most` of those whose time had come at `now`, the longest due first."""

    def sender(self, tenant_id: str, user_id: str) -> Sender:
        """Organisation and person, in one round trip."""
