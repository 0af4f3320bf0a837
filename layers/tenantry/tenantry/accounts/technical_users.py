"""An account's technical user: clients with which programs act for its organisation.

A client and its secret are made together and are used up together: other credentials are another
client. The user pool keeps the secret, and hands it out here, once; no table, event or log has it.
Which organisation a client acts for is kept by the organisations' context and read at each request.

A client is made before it is bound, and opens nothing until then. One that was made and not bound,
since its answer was lost, is removed by a sweep (`stray_clients`): to find it the whole pool has to
be looked through, which nobody does while somebody waits.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from tenantry.accounts.events import TechnicalUserCreated, TechnicalUserEnded, TechnicalUserIssued
from tenantry.accounts.model import Account
from tenantry.accounts.repository import MachineClients, Machines
from tenantry.errors import ConflictError, LimitExceededError, NotFoundError, UnavailableError
from tenantry.messaging.event import Event, EventData
from tenantry.organizations.machines import Machine
from tenantry.persistence.writes import Write

_OVER: Final = 3
"""Of those that are over, so many newest are removed with the next ones: two act at a time, so no
more can have ended since."""

type Tell = Callable[[EventData, str], Event]
"""Makes an event of what it says, and of which client it says that."""
type Guard = Callable[[int], Write]
"""Refuses the transaction it is in unless credentials may be handed out, those of this number."""


@dataclass(frozen=True)
class Credentials:
    """What a program signs in with: shown once, and kept nowhere."""

    machine: Machine
    secret: str

    def __repr__(self) -> str:
        return f"Credentials({self.machine.client_id})"


@dataclass(frozen=True)
class TechnicalUsers:
    clients: MachineClients
    machines: Machines
    now: Callable[[], datetime]

    def made(self, account: Account) -> Machine | None:
        """The account's first program, to be bound; None where it has one, or wants none.

        None too where the pool has no room: its organisation is not undone for that, and whoever
        asks for credentials is told.
        """
        if account.technical_user is None or self.current(account):
            return None
        try:
            return self._next(account, self.of(account))
        except LimitExceededError:
            return None

    def binding(self, machine: Machine, tell: Tell) -> tuple[Write, ...]:
        """What binds it, unless that is done."""
        if machine.client_id in _ids(self.machines.of(machine.tenant_id)):
            return ()
        return (self.machines.bound(machine, tell(created(machine), machine.client_id)),)

    def end(self, account: Account, tell: Tell) -> None:
        """Nothing of it acts, or is there, any more; again is fine."""
        now = self.now()
        for each in self.of(account):
            if each.lasts(now):
                after = each.ended(now)
                self.machines.save(
                    self.machines.changed(each, after, tell(ended(after, now), each.client_id))
                )
            self.clients.remove(each.client_id)

    def issue(self, account: Account, grace: timedelta, tell: Tell, guard: Guard) -> Credentials:
        """Credentials that nobody has seen: those that were made with the account, once, and from
        then on others in their place. What these replace lasts for `grace`, and what is older
        ends: two act at a time, whoever asks how often.

        ConflictError when somebody else was given some meanwhile, or `guard` refuses it for another
        reason; LimitExceededError when the pool has no room. `account` is as it was read before,
        since that is what `guard` holds on to. The secret is looked at before anything ends:
        without it nothing is replaced.
        """
        known, now = self.of(account), self.now()
        current = _current(known)
        secret = self._unseen(current)
        if current and secret:
            machine = current.issued(now)
            data = TechnicalUserIssued(
                account_id=account.account_id,
                organization_id=account.tenant_id,
                client_id=machine.client_id,
            )
            self.machines.save(
                guard(machine.number),
                self.machines.changed(current, machine, tell(data, machine.client_id)),
            )
        else:
            machine = self._next(account, known).model_copy(update={"issued_at": now})
            secret = self.clients.secret(machine.client_id)
            writes = [
                guard(machine.number),
                self.machines.bound(machine, tell(created(machine), machine.client_id)),
            ]
            for each in known:
                until = now + grace if each.ends_at is None else now
                after = each.ended(until)
                if each.lasts(now) and after.ends_at != each.ends_at:
                    event = tell(ended(after, until), each.client_id)
                    writes.append(self.machines.changed(each, after, event))
            self._save(machine, writes)
        # What is left in the pool opens nothing, and goes with the next ones, or with the sweep.
        with suppress(UnavailableError):
            self._tidy(account)
        return Credentials(machine, secret)

    def of(self, account: Account) -> list[Machine]:
        return [
            each
            for each in self.machines.of(account.tenant_id)
            if each.account_id == account.account_id
        ]

    def current(self, account: Account) -> Machine | None:
        """The one that has no end yet."""
        return _current(self.of(account))

    def lasting(self, account: Account) -> list[Machine]:
        """Those that act now, the newest first."""
        now = self.now()
        return [each for each in reversed(self.of(account)) if each.lasts(now)]

    def _unseen(self, machine: Machine | None) -> str | None:
        """The secret that nobody was shown; None for one that was, or that is gone."""
        if machine is None or machine.issued_at is not None:
            return None
        try:
            return self.clients.secret(machine.client_id)
        except NotFoundError:
            return None

    def _next(self, account: Account, known: list[Machine]) -> Machine:
        """Another program's client, which is new."""
        number = max((each.number for each in known), default=0) + 1
        return Machine(
            tenant_id=account.tenant_id,
            client_id=self.clients.make(account, number),
            account_id=account.account_id,
            name=account.technical_user or account.name,
            number=number,
            created_at=self.now(),
        )

    def _save(self, machine: Machine, writes: list[Write]) -> None:
        """Of two who were at it at once one has made its client in vain: it goes again."""
        try:
            self.machines.save(*writes)
        except ConflictError:
            with suppress(UnavailableError):
                self.clients.remove(machine.client_id)
            raise

    def _tidy(self, account: Account) -> None:
        """Remove what is over. Ended ones are known for long after their clients are gone."""
        now = self.now()
        over = [each for each in self.of(account) if not each.lasts(now)]
        for each in over[-_OVER:]:
            self.clients.remove(each.client_id)


def created(machine: Machine) -> TechnicalUserCreated:
    return TechnicalUserCreated(
        account_id=machine.account_id,
        organization_id=machine.tenant_id,
        client_id=machine.client_id,
        is_issued=machine.issued_at is not None,
    )


def ended(machine: Machine, at: datetime) -> TechnicalUserEnded:
    return TechnicalUserEnded(
        account_id=machine.account_id,
        organization_id=machine.tenant_id,
        client_id=machine.client_id,
        ends_at=at.isoformat(),
    )


def _current(machines: list[Machine]) -> Machine | None:
    return next((each for each in machines if each.ends_at is None), None)


def _ids(machines: list[Machine]) -> set[str]:
    return {each.client_id for each in machines}
