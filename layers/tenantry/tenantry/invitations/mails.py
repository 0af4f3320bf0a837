"""Use case: the mails that follow from events. Tokens are minted here, when a mail goes out.

No event, item, log or answer ever holds a token: the invitation keeps the hash of each, stored
before its mail is sent, so that no mail holds a token that does not open.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from tenantry.errors import CorruptDataError
from tenantry.invitations.letters import (
    accepted_letter,
    branded,
    invitation_letter,
    link_letter,
)
from tenantry.invitations.model import Invitation, InvitationLink, InvitationStatus, Kind, Token
from tenantry.invitations.repository import InvitationRepository
from tenantry.mail.model import Brand, Letter, Mail, Mailer
from tenantry.messaging.event import Envelope
from tenantry.messaging.once import Once
from tenantry.tenancy.access import OrganizationStatus


@dataclass(frozen=True)
class InvitationMails:
    invitations: InvitationRepository
    mailer: Mailer | None
    """None where this deployment has no sender."""
    brand: Brand
    rendered: Callable[[Letter, Brand, str], Mail]
    once: Once
    now: Callable[[], datetime]
    mint: Callable[[Kind, str, str], Token] = Token.minted

    def send(self, envelope: Envelope) -> bool:
        """Send the mail that follows from an event, once; answers whether one went out now.

        None does for what is over by now, or was sent again since.
        """
        sent: list[bool] = []
        self.once.run(envelope.id, lambda: sent.append(self._send(envelope)))
        return sent == [True]

    def _send(self, envelope: Envelope) -> bool:
        if envelope.tenant_id is None or self.mailer is None:
            return False
        tenant_id, data = envelope.tenant_id, envelope.data
        invitation_id = str(data["invitation_id"])
        match envelope.type:
            case "MemberInvited" | "InvitationRenewed" | "InvitationReminded":
                invitation = self.invitations.get(tenant_id, invitation_id)
                if invitation is None or invitation.generation != data["generation"]:
                    return False
                return self._invite(invitation, envelope.type == "InvitationReminded")
            case "InvitationLinkCreated":
                link = self.invitations.get_link(tenant_id, invitation_id)
                return link is not None and self._hand_out(link)
            case "InvitationAccepted":
                invitation = self.invitations.get(tenant_id, invitation_id)
                return invitation is not None and self._tell_inviter(invitation)
        raise CorruptDataError(f"no mail is known for {envelope.type}")

    def _invite(self, invitation: Invitation, reminds: bool) -> bool:
        sender = self.invitations.sender(invitation.tenant_id, invitation.inviter_id)
        organization = sender.organization
        if not invitation.is_open(self.now()) or organization is None:
            return False
        if organization.status is not OrganizationStatus.ACTIVE:
            return False
        token = self.mint(Kind.MAIL, invitation.tenant_id, invitation.invitation_id)
        if not self.invitations.add_hash(invitation, token.hash):
            return False
        brand = branded(self.brand, sender)
        letter = invitation_letter(invitation, token, sender, brand, reminds=reminds)
        return self._post(letter, brand, invitation.email)

    def _hand_out(self, link: InvitationLink) -> bool:
        sender = self.invitations.sender(link.tenant_id, link.creator_id)
        person, member = sender.person, sender.member
        if not link.is_open(self.now()) or member is None or not member.is_current:
            return False
        if person is None or person.proven_email is None:
            return False
        token = self.mint(Kind.LINK, link.tenant_id, link.link_id)
        if not self.invitations.add_hash(link, token.hash):
            return False
        brand = branded(self.brand, sender)
        return self._post(link_letter(link, token, sender, brand), brand, person.proven_email)

    def _tell_inviter(self, invitation: Invitation) -> bool:
        sender = self.invitations.sender(invitation.tenant_id, invitation.inviter_id)
        person, member = sender.person, sender.member
        if invitation.status is not InvitationStatus.ACCEPTED:
            return False
        if person is None or member is None or not member.is_current:
            return False
        brand = branded(self.brand, sender)
        return self._post(accepted_letter(invitation, sender, brand), brand, person.email)

    def _post(self, letter: Letter, brand: Brand, to: str) -> bool:
        if self.mailer is None:
            return False
        self.mailer.send(self.rendered(letter, brand, to))
        return True
