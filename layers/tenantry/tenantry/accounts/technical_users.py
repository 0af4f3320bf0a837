"""An account's technical user: clients with which programs act for its organisation.

A client and its secret are made together and are used up together: other credentials are another
client. The user pool keeps the secret, and hands it out here, once; no table, event or log has it.
Which organisation a client acts for is kept by the organisations' context and read at each request.

A client is made before it is bound, and opens nothing until then. One that was made and not bound,
since its answer was lost, is found by its name and taken, or removed later.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from tenantry.accounts.events import TechnicalUserCreated, TechnicalUserEnded, TechnicalUserIssued
from tenantry.accounts.model import Account
from tenantry.accounts.repository import MachineClients, Machines
from tenantry.errors import LimitExceededError, NotFoundError, UnavailableError
from tenantry.messaging.event import Event, EventData
from tenantry.organizations.machines import Machine
from tenantry.persistence.writes import Write

type Tell = Callable[[EventData, str], Event]
"""Makes an event of what it says, and of which client it says that."""


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
        for client in self.clients.of(account):
            self.clients.remove(client.client_id)

    def issue(self, account: Account, grace: timedelta, tell: Tell) -> Credentials:
        """Credentials that nobody has seen: those that were made with the account, once, and from
        then on others in their place. What these replace lasts for `grace`, and what is older
        ends: two act at a time, whoever asks how often.

        ConflictError when somebody else was given some meanwhile, LimitExceededError when the pool
        has no room. The secret is looked at before anything ends: without it nothing is replaced.
        """
        known, now = self.of(account), self.now()
        current = self.current(account)
        secret = self._unseen(current)
        if current and secret:
            machine = current.issued(now)
            data = TechnicalUserIssued(
                account_id=account.account_id,
                organization_id=account.tenant_id,
                client_id=machine.client_id,
            )
            self.machines.save(
                self.machines.changed(current, machine, tell(data, machine.client_id))
            )
        else:
            machine = self._next(account, known).model_copy(update={"issued_at": now})
            secret = self.clients.secret(machine.client_id)
            writes = [self.machines.bound(machine, tell(created(machine), machine.client_id))]
            for each in known:
                until = now + grace if each.ends_at is None else now
                after = each.ended(until)
                if each.lasts(now) and after.ends_at != each.ends_at:
                    event = tell(ended(after, until), each.client_id)
                    writes.append(self.machines.changed(each, after, event))
            self.machines.save(*writes)
        # What is left in the pool opens nothing, and goes with the next ones.
        with suppress(UnavailableError):
            self._tidy(account, machine.number)
        return Credentials(machine, secret)

    def of(self, account: Account) -> list[Machine]:
        return [
            each
            for each in self.machines.of(account.tenant_id)
            if each.account_id == account.account_id
        ]

    def current(self, account: Account) -> Machine | None:
        """The one that has no end yet."""
        return next((each for each in self.of(account) if each.ends_at is None), None)

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
        """Another program's client: one that an earlier try has made, or a new one."""
        number = max((each.number for each in known), default=0) + 1
        waiting = [each for each in self.clients.of(account) if each.number == number]
        client_id = waiting[0].client_id if waiting else self.clients.make(account, number)
        return Machine(
            tenant_id=account.tenant_id,
            client_id=client_id,
            account_id=account.account_id,
            name=account.technical_user or account.name,
            number=number,
            created_at=self.now(),
        )

    def _tidy(self, account: Account, number: int) -> None:
        """Remove what is over, and what was made and never bound, as far as this number goes: a
        later one may be about to be bound."""
        acting = _ids(self.lasting(account))
        for client in self.clients.of(account):
            if client.number <= number and client.client_id not in acting:
                self.clients.remove(client.client_id)


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


def _ids(machines: list[Machine]) -> set[str]:
    return {each.client_id for each in machines}
