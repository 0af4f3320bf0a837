"""Use case: closes invitations on time and reminds of those that end soon."""

from collections.abc import Callable
from dataclasses import dataclass

from tenantry.errors import ConflictError, CorruptDataError
from tenantry.invitations.events import (
    InvitationExpired,
    InvitationLinkExpired,
    InvitationReminded,
)
from tenantry.invitations.model import (
    Invitation,
    InvitationLink,
    InvitationStatus,
    Kind,
    LinkStatus,
)
from tenantry.invitations.repository import Due, InvitationRepository
from tenantry.messaging.stamp import Cause, Stamp


@dataclass
class Swept:
    """What a run did; `left` says that it stopped at its bound."""

    expired: int = 0
    reminded: int = 0
    left: bool = False


@dataclass(frozen=True)
class InvitationSweep:
    """May run again at any time, and beside itself: what is done is no longer due."""

    invitations: InvitationRepository
    stamp: Stamp
    most: int = 1000
    """In a run; the next one goes on with the longest due."""
    report: Callable[[str, str], None] = lambda _what, _tenant_id: None
    """Told of what cannot be dealt with, and of which organisation."""

    def run(self) -> Swept:
        """Emits InvitationExpired, InvitationReminded, InvitationLinkExpired."""
        swept = Swept()
        seen = 0
        for due in self.invitations.due(self.stamp.now(), self.most):
            seen += 1
            self._look_at(due, swept)
        swept.left = seen >= self.most
        return swept

    def _look_at(self, due: Due, swept: Swept) -> None:
        try:
            if due.kind is Kind.LINK:
                link = self.invitations.get_link(due.tenant_id, due.invitation_id)
                swept.expired += link is not None and self._close_link(link)
                return
            invitation = self.invitations.get(due.tenant_id, due.invitation_id)
            if invitation is None or invitation.status is not InvitationStatus.PENDING:
                return
            if not invitation.is_open(self.stamp.now()):
                self._expire(invitation)
                swept.expired += 1
            elif not invitation.reminded and self.stamp.now() >= invitation.due_at:
                self._remind(invitation)
                swept.reminded += 1
        except ConflictError:
            return  # somebody was first; if it is due still, the next run sees it
        except CorruptDataError:
            self.report("an invitation cannot be read, nor ended", due.tenant_id)

    def _expire(self, before: Invitation) -> None:
        data = InvitationExpired(
            organization_id=before.tenant_id, invitation_id=before.invitation_id
        )
        after = before.ended(InvitationStatus.EXPIRED, self.stamp.now())
        self.invitations.end(before, after, self.stamp.event(data, Cause()))

    def _remind(self, before: Invitation) -> None:
        data = InvitationReminded(
            organization_id=before.tenant_id,
            invitation_id=before.invitation_id,
            generation=before.generation,
        )
        self.invitations.remind(before, before.reminded_of(), self.stamp.event(data, Cause()))

    def _close_link(self, before: InvitationLink) -> bool:
        over = before.status is LinkStatus.ACTIVE and not before.is_open(self.stamp.now())
        if over:
            data = InvitationLinkExpired(
                organization_id=before.tenant_id, invitation_id=before.link_id
            )
            after = before.ended(LinkStatus.EXPIRED, self.stamp.now())
            self.invitations.end_link(before, after, self.stamp.event(data, Cause()))
        return over
