"""What happens to invitations. Ids only: no address, no message, nothing of a token."""

from typing import ClassVar, Literal

from tenantry.messaging.event import EventData
from tenantry.tenancy.roles import Role


class _InvitationsEvent(EventData):
    context: ClassVar[str] = "invitations"

    organization_id: str
    invitation_id: str


class MemberInvited(_InvitationsEvent):
    """Somebody is offered a membership; a mail with a token goes to them."""

    type: ClassVar[str] = "MemberInvited"

    role: Role
    inviter_id: str
    generation: int


class InvitationRenewed(_InvitationsEvent):
    """It is sent again, and vouched for by who did; tokens of the mails before are void."""

    type: ClassVar[str] = "InvitationRenewed"

    role: Role
    inviter_id: str
    generation: int


class InvitationReminded(_InvitationsEvent):
    """It ends soon; a mail says so, once."""

    type: ClassVar[str] = "InvitationReminded"

    generation: int


class InvitationAccepted(_InvitationsEvent):
    type: ClassVar[str] = "InvitationAccepted"

    user_id: str
    role: Role
    inviter_id: str


class InvitationDeclined(_InvitationsEvent):
    """`reason`: by who holds its token, or because they were a member already."""

    type: ClassVar[str] = "InvitationDeclined"

    reason: Literal["declined", "already a member"]


class InvitationRevoked(_InvitationsEvent):
    type: ClassVar[str] = "InvitationRevoked"


class InvitationExpired(_InvitationsEvent):
    type: ClassVar[str] = "InvitationExpired"


class InvitationLinkCreated(_InvitationsEvent):
    """A link for people of some domains; it is mailed to its creator, who hands it on."""

    type: ClassVar[str] = "InvitationLinkCreated"

    role: Role
    domains: tuple[str, ...]
    max_uses: int
    creator_id: str


class InvitationLinkRevoked(_InvitationsEvent):
    type: ClassVar[str] = "InvitationLinkRevoked"


class InvitationLinkExpired(_InvitationsEvent):
    type: ClassVar[str] = "InvitationLinkExpired"
