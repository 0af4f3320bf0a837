"""Use cases on invitations: invite, send again, revoke; look at one, accept it, decline it."""

import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from tenantry.errors import (
    AlreadyMemberError,
    ConflictError,
    EmailNotConfiguredError,
    Fault,
    ForbiddenError,
    InvalidInputError,
    InvitationForOtherError,
    InvitationInvalidError,
    LimitExceededError,
    NotFoundError,
    OrganizationSuspendedError,
    TenantryError,
)
from tenantry.invitations.events import (
    InvitationAccepted,
    InvitationDeclined,
    InvitationExpired,
    InvitationLinkCreated,
    InvitationLinkRevoked,
    InvitationRenewed,
    InvitationRevoked,
    MemberInvited,
)
from tenantry.invitations.model import (
    INVITATIONS_READ,
    INVITE,
    INVITE_BY_LINK,
    MOST_AT_ONCE,
    QUOTAS,
    VALID,
    Claim,
    Invitation,
    InvitationLink,
    InvitationPage,
    InvitationStatus,
    InviteInput,
    Joined,
    LinkInput,
    LinkPage,
    LinkStatus,
    Outcome,
    Preview,
    Quota,
    Token,
    is_among,
    masked,
    may_give,
)
from tenantry.invitations.repository import Entry, Host, InvitationRepository, Knock, Seats
from tenantry.messaging.event import EventData
from tenantry.messaging.stamp import Cause, Stamp
from tenantry.organizations.model import Member, Organization, PlanName
from tenantry.persistence import cursors, filtered
from tenantry.runtime.inputs import parse
from tenantry.tenancy.access import (
    ACCOUNT_SUSPENDED,
    Access,
    MemberStatus,
    OrganizationStatus,
    Standing,
)
from tenantry.tenancy.caller import Caller
from tenantry.tenancy.roles import Permission, Role, givers_of

_TRIES = 8
_KNOWN_BY_ADDRESS = 500
"""Members whose addresses are looked through before somebody is invited; in larger organisations
only accepting finds out that somebody is a member."""


@dataclass(frozen=True)
class InvitationService:
    """What members do: invite, look after invitations, and revoke them."""

    invitations: InvitationRepository
    access: Access
    check_address: Callable[[str], str]
    sends_mail: bool
    """Whether this deployment has a sender: a token reaches people by mail only."""
    stamp: Stamp
    trusts_plans: bool = True
    """Whether whoever has a plan is known: it was paid for, or not everybody may sign up."""

    # inviting

    def invite(self, caller: Caller, values: Mapping[str, Any]) -> Invitation:
        """Invite somebody, once per address: an open invitation of it is answered as it stands.

        Emits MemberInvited. EmailNotConfiguredError where no mail can be sent, AlreadyMemberError
        for a member's address, LimitExceededError when no seat is free, InvitationQuotaError when
        too many mails went out.
        """
        given = self._given(values)
        standing = self._standing(caller, INVITE)
        host = self._host(standing.tenant_id, (given.email,))
        return self._invited(caller, standing, given, host, self._members(host))

    def invite_many(self, caller: Caller, several: Sequence[Mapping[str, Any]]) -> list[Outcome]:
        """Invite up to MOST_AT_ONCE, each for itself: one that is refused holds up no other."""
        if not 1 <= len(several) <= MOST_AT_ONCE:
            fault = f"must hold 1 to {MOST_AT_ONCE}"
            raise InvalidInputError([Fault(field="invitations", message=fault)])
        standing = self._standing(caller, INVITE)
        parsed = [self._parsed(values) for values in several]
        emails = [given.email for given in parsed if isinstance(given, InviteInput)]
        host = self._host(standing.tenant_id, emails)
        members = self._members(host)
        outcomes = []
        for values, given in zip(several, parsed, strict=True):
            email = str(values.get("email", ""))
            if not isinstance(given, InviteInput):
                outcomes.append(Outcome(email, error=given))
                continue
            try:
                invitation = self._invited(caller, standing, given, host, members)
            except TenantryError as error:
                outcomes.append(Outcome(email, error=error))
            else:
                outcomes.append(Outcome(email, invitation))
        return outcomes

    def _invited(
        self,
        caller: Caller,
        standing: Standing,
        given: InviteInput,
        host: Host,
        members: frozenset[str],
    ) -> Invitation:
        self._require_giver(standing, given.role)
        if given.email in members:
            raise AlreadyMemberError("They are a member of this organisation already.")
        for _ in range(_TRIES):
            organization, previous = host.organization, host.latest.get(given.email)
            now = self.stamp.now()
            if previous and previous.is_open(now):
                return previous
            _require_active(organization)
            if not organization.settings.allows(given.email):
                fault = "this organisation invites addresses of its own domains only"
                raise InvalidInputError([Fault(field="email", message=fault)])
            invitation = Invitation(
                tenant_id=organization.tenant_id,
                invitation_id=self.stamp.new_id(),
                email=given.email,
                role=given.role,
                message=given.message or None,
                locale=given.locale,
                inviter_id=caller.user_id,
                created_at=now,
                expires_at=now + VALID,
            )
            event = self.stamp.event(_invited(invitation), standing.cause(caller))
            try:
                if previous and previous.status is InvitationStatus.PENDING:
                    self._expire(previous)
                last_id = host.latest_ids.get(given.email)
                self.invitations.create(
                    invitation, organization, last_id, self._quota(organization), event
                )
            except ConflictError:
                host = self._host(organization.tenant_id, (given.email,))
                continue
            return invitation
        raise _busy()

    def _expire(self, before: Invitation) -> None:
        now = self.stamp.now()
        data = InvitationExpired(
            organization_id=before.tenant_id, invitation_id=before.invitation_id
        )
        after = before.ended(InvitationStatus.EXPIRED, now)
        self.invitations.end(before, after, self.stamp.event(data, Cause()))

    # looking after them

    def list(
        self, caller: Caller, first: int | None, after: str | None, status: str | None
    ) -> InvitationPage:
        """The organisation's invitations, newest first; with `status`, those that are so now.

        A page looks at `filtered.LOOKED_AT` invitations at most.
        """
        standing = self._standing(caller, INVITATIONS_READ)
        limit = cursors.page_size(first)
        position = cursors.decode(after, "invitation")["invitation"] if after else None
        now = self.stamp.now()
        items, last = filtered.page(
            partial(self.invitations.page, standing.tenant_id),
            lambda invitation: invitation.invitation_id,
            lambda invitation: status in (None, invitation.status_at(now).value),
            limit,
            position,
            at_once=limit + 1 if status is None else filtered.AT_ONCE,
        )
        cursor = cursors.encode({"invitation": last}) if last else None
        return InvitationPage(tuple(items), cursor)

    def resend(self, caller: Caller, invitation_id: str) -> Invitation:
        """Mail an open invitation again, for seven days from now; emits InvitationRenewed.

        Tokens of the mails before are void, and who sends it again vouches for it from now on.
        """
        standing = self._standing(caller, INVITE)
        before = self._existing(standing, invitation_id)
        self._require_mail()
        now = self.stamp.now()
        if not before.is_open(now):
            raise ConflictError("This invitation is over; invite them again.")
        after = before.sent_again(caller.user_id, now)
        data = InvitationRenewed(
            organization_id=after.tenant_id,
            invitation_id=after.invitation_id,
            role=after.role,
            inviter_id=after.inviter_id,
            generation=after.generation,
        )
        event = self.stamp.event(data, standing.cause(caller))
        self.invitations.send_again(before, after, self._quota(standing), event)
        return after

    def revoke(self, caller: Caller, invitation_id: str) -> Invitation:
        """End an invitation and free its seat; emits InvitationRevoked. Revoking twice is once."""
        standing = self._standing(caller, INVITE)
        before = self._existing(standing, invitation_id)
        if before.status is InvitationStatus.REVOKED:
            return before
        if before.status is not InvitationStatus.PENDING:
            raise ConflictError("This invitation is over.")
        after = before.ended(InvitationStatus.REVOKED, self.stamp.now())
        data = InvitationRevoked(
            organization_id=before.tenant_id, invitation_id=before.invitation_id
        )
        self.invitations.end(before, after, self.stamp.event(data, standing.cause(caller)))
        return after

    # links

    def create_link(self, caller: Caller, values: Mapping[str, Any]) -> InvitationLink:
        """Make a link for people of some domains; emits InvitationLinkCreated.

        It is mailed to its creator: like every token, no API shows it.
        """
        given = parse(LinkInput, values)
        standing = self._standing(caller, INVITE_BY_LINK)
        self._require_mail()
        self._require_giver(standing, given.role)
        now = self.stamp.now()
        link = InvitationLink(
            tenant_id=standing.tenant_id,
            link_id=self.stamp.new_id(),
            role=given.role,
            domains=tuple(given.domains),
            max_uses=given.max_uses,
            creator_id=caller.user_id,
            created_at=now,
            expires_at=now + VALID,
        )
        data = InvitationLinkCreated(
            organization_id=link.tenant_id,
            invitation_id=link.link_id,
            role=link.role,
            domains=link.domains,
            max_uses=link.max_uses,
            creator_id=link.creator_id,
        )
        event = self.stamp.event(data, standing.cause(caller))
        self.invitations.create_link(link, self._quota(standing), event)
        return link

    def links(self, caller: Caller, first: int | None, after: str | None) -> LinkPage:
        """The organisation's links, newest first."""
        standing = self._standing(caller, INVITATIONS_READ)
        limit = cursors.page_size(first)
        position = cursors.decode(after, "link")["link"] if after else None
        items, last = self.invitations.link_page(standing.tenant_id, limit, position)
        return LinkPage(tuple(items), cursors.encode({"link": last}) if last else None)

    def revoke_link(self, caller: Caller, link_id: str) -> InvitationLink:
        """End a link; emits InvitationLinkRevoked. Revoking twice is once."""
        standing = self._standing(caller, INVITE_BY_LINK)
        before = self.invitations.get_link(standing.tenant_id, link_id)
        if before is None:
            raise NotFoundError("There is no such link.")
        self._require_giver(standing, before.role)
        if before.status is LinkStatus.REVOKED:
            return before
        if before.status is not LinkStatus.ACTIVE:
            raise ConflictError("This link is over.")
        after = before.ended(LinkStatus.REVOKED, self.stamp.now())
        data = InvitationLinkRevoked(organization_id=before.tenant_id, invitation_id=before.link_id)
        self.invitations.end_link(before, after, self.stamp.event(data, standing.cause(caller)))
        return after

    # inside

    def _standing(self, caller: Caller, permission: Permission) -> Standing:
        standing = self.access.standing(caller)
        standing.require(permission)
        return standing

    def _given(self, values: Mapping[str, Any]) -> InviteInput:
        """The input with its address normalised; every fault at once."""
        self._require_mail()
        faults: list[Fault] = []
        email, given = "", None
        try:
            given = parse(InviteInput, values)
        except InvalidInputError as error:
            faults += error.faults
        if isinstance(values.get("email"), str):
            try:
                email = self.check_address(values["email"])
            except InvalidInputError as error:
                faults += [fault for fault in error.faults if fault not in faults]
        if faults or given is None:
            raise InvalidInputError(faults)
        return given.model_copy(update={"email": email})

    def _parsed(self, values: Mapping[str, Any]) -> InviteInput | InvalidInputError:
        try:
            return self._given(values)
        except InvalidInputError as error:
            return error

    def _host(self, tenant_id: str, emails: Sequence[str]) -> Host:
        host = self.invitations.host(tenant_id, emails)
        if host is None:
            raise NotFoundError("There is no such organisation.")
        return host

    def _members(self, host: Host) -> frozenset[str]:
        if host.organization.used_users > _KNOWN_BY_ADDRESS:
            return frozenset()
        return self.invitations.member_emails(host.organization.tenant_id)

    def _existing(self, standing: Standing, invitation_id: str) -> Invitation:
        found = self.invitations.get(standing.tenant_id, invitation_id)
        if found is None:
            raise NotFoundError("There is no such invitation.")
        self._require_giver(standing, found.role)
        return found

    def _require_giver(self, standing: Standing, role: Role) -> None:
        """Nobody gives more than they hold; an operator in a support session vouches for nobody."""
        if standing.support_session:
            raise ForbiddenError("An operator invites nobody: ask a member to.")
        if not may_give(standing.role, role):
            raise ForbiddenError(f"Your role {standing.role} does not let you invite {role}.")

    def _quota(self, of: Organization | Standing) -> Quota:
        """By what was paid for: a trial costs nothing, so it sends no more than a free plan."""
        is_paid = self.trusts_plans and not of.on_trial
        return QUOTAS[PlanName(of.plan) if is_paid else PlanName.FREE]

    def _require_mail(self) -> None:
        if not self.sends_mail:
            raise EmailNotConfiguredError(
                "This deployment sends no mail of its own, so nobody can be invited: "
                "an administrator has to configure an SES identity."
            )


@dataclass(frozen=True)
class DoorService:
    """What the holder of a token does: look at the invitation, accept it, decline it.

    One answer for every token that does not open: unknown, used, revoked, expired, of another
    generation, of an organisation that is closed or an inviter who may no longer give the role.
    """

    invitations: InvitationRepository
    seats: Seats
    stamp: Stamp
    report: Callable[[str, str], None] = lambda _what, _tenant_id: None
    """Told what an administrator should hear of, and of which organisation."""

    def preview(self, text: str) -> Preview | None:
        """What a landing page shows; None for a token that does not open."""
        token = Token.read(text)
        knock = self._opened(token, None)
        voucher = self._voucher(knock) if knock else None
        if knock is None or knock.organization is None or voucher is None:
            return None
        if invitation := knock.invitation:
            return Preview(
                organization_name=knock.organization.name,
                inviter_name=voucher.name,
                role=invitation.role,
                masked_email=masked(invitation.email),
                domains=(),
                expires_at=invitation.expires_at,
            )
        link = knock.link
        if link is None:
            return None
        return Preview(
            organization_name=knock.organization.name,
            inviter_name=voucher.name,
            role=link.role,
            masked_email=None,
            domains=link.domains,
            expires_at=link.expires_at,
        )

    def accept(self, caller: Caller, text: str) -> Joined:
        """Become a member, signed in with the address invited, proven; one transaction.

        Emits InvitationAccepted and MemberJoined. InvitationInvalidError for a token that does
        not open, InvitationForOtherError with another address, AlreadyMemberError for a member:
        of an invitation, its seat is free again then. ForbiddenError for a suspended person. Who
        was removed takes an invitation to them by name, sent since; InvitationInvalidError else.
        """
        token = Token.read(text)
        for _ in range(_TRIES):
            knock = self._opened(token, caller.user_id)
            if knock is None or knock.organization is None:
                raise _invalid()
            person = knock.person
            if person and person.is_suspended:
                raise ForbiddenError(ACCOUNT_SUSPENDED)
            if person is None or person.proven_email is None:
                raise InvitationForOtherError(
                    "Your own e-mail address is not verified: verify it, and try again."
                )
            self._require_addressee(knock, person.proven_email)
            try:
                return self._enter(
                    knock, caller.user_id, person.proven_email, person.name, caller.cause
                )
            except ConflictError as error:
                if isinstance(error, AlreadyMemberError):
                    raise
        raise _busy()

    def decline(self, text: str, cause: Cause) -> None:
        """End an invitation by its token, signed in or not; emits InvitationDeclined.

        A link is not declined: whom it is not for leaves it alone.
        """
        knock = self._opened(Token.read(text), None)
        if knock is None or knock.invitation is None:
            raise _invalid()
        self._decline(knock.invitation, cause, already=False)

    # for the identity context

    def claim(self, text: str, email: str) -> Claim:
        """What a sign-up with a token may keep until its confirmation.

        InvalidInputError for a token that does not open, or not to this address.
        """
        token = Token.read(text)
        knock = self._opened(token, None)
        try:
            if token is None or knock is None or self._voucher(knock) is None:
                raise _invalid()
            self._require_addressee(knock, email)
        except (InvitationInvalidError, InvitationForOtherError) as error:
            fault = "does not open an invitation of this e-mail address"
            raise InvalidInputError([Fault(field="invitation_token", message=fault)]) from error
        return Claim(token.kind, token.tenant_id, token.invitation_id, token.hash)

    def join(
        self, claim: Claim, user_id: str, email: str, name: str | None, cause: Cause
    ) -> str | None:
        """Make a person who signed up by a claim a member; answers the organisation's id.

        May be done again. None when the invitation is over by now, or not for this address.
        """
        for _ in range(_TRIES):
            knock = self.invitations.knock(
                claim.kind, claim.tenant_id, claim.invitation_id, user_id
            )
            if knock.member and knock.member.is_current:
                return claim.tenant_id
            if not self._is_open(knock, claim.token_hash):
                break
            try:
                self._require_addressee(knock, email)
                self._enter(knock, user_id, email, name, cause)
            except (InvitationInvalidError, InvitationForOtherError, OrganizationSuspendedError):
                break
            except LimitExceededError:
                self.report("somebody with a link found no seat", claim.tenant_id)
                return None
            except ConflictError:
                continue
            return claim.tenant_id
        self.report("an invitation was over when its sign-up was confirmed", claim.tenant_id)
        return None

    # inside

    def _opened(self, token: Token | None, user_id: str | None) -> Knock | None:
        """What the token opens, now; None when it opens nothing."""
        if token is None:
            return None
        knock = self.invitations.knock(token.kind, token.tenant_id, token.invitation_id, user_id)
        return knock if self._is_open(knock, token.hash) else None

    def _is_open(self, knock: Knock, token_hash: str) -> bool:
        offer, organization = knock.invitation or knock.link, knock.organization
        return (
            offer is not None
            and organization is not None
            and organization.status is OrganizationStatus.ACTIVE
            and offer.is_open(self.stamp.now())
            and is_among(token_hash, offer.token_hashes)
        )

    def _voucher(self, knock: Knock) -> Member | None:
        """The member behind an invitation, while they may still give its role."""
        if invitation := knock.invitation:
            tenant_id, voucher_id, role = (
                invitation.tenant_id,
                invitation.inviter_id,
                invitation.role,
            )
        elif link := knock.link:
            tenant_id, voucher_id, role = link.tenant_id, link.creator_id, link.role
        else:
            return None
        member = self.invitations.voucher(tenant_id, voucher_id)
        entitled = (
            member
            and member.status is MemberStatus.ACTIVE
            and not member.barred
            and member.role in givers_of(role)
        )
        return member if entitled else None

    def _require_addressee(self, knock: Knock, email: str) -> None:
        """The address is the one invited, or of a domain that the link is for."""
        invitation, link, organization = knock.invitation, knock.link, knock.organization
        if invitation and not hmac.compare_digest(invitation.email.encode(), email.encode()):
            raise InvitationForOtherError(
                "This invitation is for another e-mail address; sign in with that one."
            )
        allowed = organization is None or organization.settings.allows(email)
        if link and not (link.admits(email) and allowed):
            raise InvitationForOtherError("This link is for e-mail addresses of other domains.")

    def _enter(
        self, knock: Knock, user_id: str, email: str, name: str | None, cause: Cause
    ) -> Joined:
        organization, offer = knock.organization, knock.invitation or knock.link
        if organization is None or offer is None:
            raise _invalid()
        if knock.member and knock.member.is_current:
            raise self._already(knock, cause)
        if not _lets_back(knock):
            raise InvitationInvalidError(
                "You were removed from this organisation; ask somebody there to invite you by name."
            )
        now = self.stamp.now()
        data = self.seats.joined(organization.tenant_id, user_id, offer.role, "invitation")
        entry = Entry(
            user_id=user_id,
            role=offer.role,
            at=now,
            joined=self.stamp.event(data, cause),
            name=name,
            email=email,
            after=knock.member.entity_version if knock.member else None,
        )
        vouching = givers_of(offer.role)
        if invitation := knock.invitation:
            accepted = InvitationAccepted(
                organization_id=invitation.tenant_id,
                invitation_id=invitation.invitation_id,
                user_id=user_id,
                role=invitation.role,
                inviter_id=invitation.inviter_id,
            )
            self.invitations.accept(
                invitation,
                invitation.ended(InvitationStatus.ACCEPTED, now, by=user_id),
                self.stamp.event(accepted, cause),
                entry,
                vouching,
            )
        elif knock.link:
            self.invitations.accept_link(knock.link, organization, entry, vouching)
        return Joined(
            organization_id=organization.tenant_id,
            name=organization.name,
            slug=organization.slug,
            role=offer.role,
            plan=organization.plan,
            joined_at=now,
        )

    def _already(self, knock: Knock, cause: Cause) -> AlreadyMemberError:
        """Who is a member needs no invitation: its seat is given back."""
        if knock.invitation:
            self._decline(knock.invitation, cause, already=True)
        return AlreadyMemberError("You are a member of this organisation already.")

    def _decline(self, before: Invitation, cause: Cause, *, already: bool) -> None:
        data = InvitationDeclined(
            organization_id=before.tenant_id,
            invitation_id=before.invitation_id,
            reason="already a member" if already else "declined",
        )
        after = before.ended(InvitationStatus.DECLINED, self.stamp.now())
        self.invitations.end(before, after, self.stamp.event(data, cause))


def _lets_back(knock: Knock) -> bool:
    """Whether this lets in who has been here before: not by what was open when they were removed.

    Who left of their own accord comes back as everybody else comes in.
    """
    member, invitation = knock.member, knock.invitation
    if member is None or member.status is not MemberStatus.REMOVED or member.left:
        return True
    return invitation is not None and (
        member.removed_at is None or invitation.sent_at > member.removed_at
    )


def _invited(invitation: Invitation) -> EventData:
    return MemberInvited(
        organization_id=invitation.tenant_id,
        invitation_id=invitation.invitation_id,
        role=invitation.role,
        inviter_id=invitation.inviter_id,
        generation=invitation.generation,
    )


def _require_active(organization: Organization) -> None:
    if organization.status is not OrganizationStatus.ACTIVE:
        raise OrganizationSuspendedError(
            "This organisation is suspended: it can be read, not changed."
        )


def _invalid() -> InvitationInvalidError:
    return InvitationInvalidError(
        "This invitation is not valid, or no longer; ask whoever invited you for a new one."
    )


def _busy() -> ConflictError:
    return ConflictError("The organisation is being changed by others; try again.")
