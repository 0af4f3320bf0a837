"""Use cases on support sessions: an operator acts for an organisation, seen and for a time."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from tenantry.errors import ConflictError, NotFoundError
from tenantry.messaging.event import Event
from tenantry.messaging.stamp import Cause, Stamp
from tenantry.organizations.events import Close, SupportSessionClosed, SupportSessionOpened
from tenantry.organizations.model import (
    SUPPORT_READ,
    OrganizationInput,
    SupportInput,
    SupportSession,
    SupportSessionPage,
    SupportStatus,
)
from tenantry.organizations.repository import (
    Operators,
    OrganizationRepository,
    SupportRepository,
    Unreadable,
)
from tenantry.persistence import cursors
from tenantry.runtime.inputs import parse
from tenantry.tenancy.caller import Caller
from tenantry.tenancy.metering import Meter, Unmetered


@dataclass(frozen=True)
class SupportService:
    organizations: OrganizationRepository
    sessions: SupportRepository
    operators: Operators
    stamp: Stamp
    meter: Meter = field(default_factory=Unmetered)

    def open(
        self, caller: Caller, organization_id: str, reason: str, minutes: int
    ) -> SupportSession:
        """Let an operator act for an organisation; emits SupportSessionOpened.

        While they have a session there it is answered as it stands, with the end that it has.
        ConflictError when they are a member themselves. Closes one that has expired, which emits
        SupportSessionClosed.
        """
        self.operators.require_active(caller)
        given = parse(
            SupportInput,
            {"organizationId": organization_id, "reason": reason, "minutes": minutes},
        )
        found = self.organizations.acting(given.organization_id, caller.user_id, operator=True)
        if found.organization is None:
            raise NotFoundError("There is no such organisation.")
        if found.member and found.member.is_current:
            raise ConflictError("You are a member of this organisation; act as one.")
        now, last = self.stamp.now(), found.support
        expired = None
        if last and last.status(now) is SupportStatus.OPEN:
            return last  # an answer may have been lost; nobody makes their session longer so
        if last and last.status(now) is SupportStatus.EXPIRED:
            expired = _closed(self.stamp, last.closed(now), "expiry", caller.operator_cause)
        session = SupportSession(
            tenant_id=given.organization_id,
            session_id=self.stamp.new_id(),
            operator_id=caller.user_id,
            reason=given.reason,
            opened_at=now,
            expires_at=now + timedelta(minutes=given.minutes),
        )
        opened = SupportSessionOpened(
            organization_id=session.tenant_id,
            session_id=session.session_id,
            operator_id=session.operator_id,
            reason=session.reason,
            expires_at=session.expires_at,
        )
        event = self.stamp.event(opened, caller.operator_cause)
        self.sessions.open(session, event, last, expired)
        return session

    def close(self, caller: Caller, organization_id: str) -> SupportSession:
        """End the caller's session in an organisation; emits SupportSessionClosed, once."""
        self.operators.require_active(caller)
        given = parse(OrganizationInput, {"organizationId": organization_id})
        found = self.organizations.acting(given.organization_id, caller.user_id, operator=True)
        before, now = found.support, self.stamp.now()
        if before is None:
            raise NotFoundError("You have no session in this organisation.")
        if before.closed_at:
            return before
        after = before.closed(now)
        how: Close = "operator" if before.status(now) is SupportStatus.OPEN else "expiry"
        event = _closed(self.stamp, after, how, caller.operator_cause)
        self.sessions.close(before, after, event)
        return after

    def page(self, caller: Caller, first: int | None, after: str | None) -> SupportSessionPage:
        """The sessions in the caller's organisation, newest first."""
        limit = cursors.page_size(first)
        position = cursors.decode(after, "session")["session"] if after else None
        _, standing = self.organizations.acting(
            caller.organization_id, caller.user_id, operator=caller.is_operator
        ).found(self.stamp.now(), self.meter)
        standing.require(SUPPORT_READ)
        items, goes_on = self.sessions.page(standing.tenant_id, position, limit)
        cursor = cursors.encode({"session": items[-1].session_id}) if goes_on else None
        return SupportSessionPage(tuple(items), cursor)


@dataclass
class Swept:
    """What a run did; `left` says that it stopped at its bound, or out of time."""

    closed: int = 0
    left: bool = False


@dataclass(frozen=True)
class SupportSweep:
    """Closes sessions that have expired, whose operators did not.

    May run again at any time, and beside itself: what is closed is no longer due.
    """

    sessions: SupportRepository
    stamp: Stamp
    most: int = 500
    """In a run; the next one goes on with the longest due."""
    report: Callable[[str, str], None] = lambda _what, _tenant_id: None
    """Told of a session that cannot be dealt with, and of which organisation."""

    def run(self, in_time: Callable[[], bool] = lambda: True) -> Swept:
        """Emits SupportSessionClosed for each."""
        swept, seen = Swept(), 0
        now = self.stamp.now()
        for before in self.sessions.due(now, self.most):
            if not in_time():
                swept.left = True
                return swept
            seen += 1
            if isinstance(before, Unreadable):
                self.report("a support session cannot be read, nor closed", before.tenant_id)
                continue
            if before.status(now) is SupportStatus.EXPIRED:
                swept.closed += self._close(before)
        swept.left = seen >= self.most
        return swept

    def _close(self, before: SupportSession) -> bool:
        after = before.closed(self.stamp.now())
        try:
            event = _closed(self.stamp, after, "expiry", Cause())
            self.sessions.close(before, after, event)
        except ConflictError:
            return False  # its operator, or another run, was first
        return True


def _closed(stamp: Stamp, session: SupportSession, how: Close, cause: Cause) -> Event:
    data = SupportSessionClosed(
        organization_id=session.tenant_id,
        session_id=session.session_id,
        operator_id=session.operator_id,
        closed_at=session.closed_at or stamp.now(),
        how=how,
    )
    return stamp.event(data, cause)
