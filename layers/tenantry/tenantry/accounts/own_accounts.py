"""An AWS account of the organisation's own: made, placed, guarded, and parted with.

What a step of provisioning or of a teardown does with it. Who makes it is a port; each call may be
repeated, and what the services have no room for is a wait.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from tenantry.accounts.model import Account
from tenantry.accounts.repository import Place
from tenantry.accounts.vending import (
    AccountVendor,
    Credentials,
    Errand,
    Order,
    Standing,
    State,
    VendorSettings,
)
from tenantry.errors import AccountShutError, ExternalIdIgnoredError, VendingFailedError

_EXTERNAL_ID_BYTES: Final = 48


def external_id() -> str:
    """One that nobody guesses."""
    return secrets.token_urlsafe(_EXTERNAL_ID_BYTES)


def is_closed(vendor: AccountVendor, account: Account) -> bool:
    """Whether its AWS account is closed or gone, as who made it says: nobody getting in proves
    nothing."""
    if account.aws_account_id is None:
        return False
    return vendor.standing(account.aws_account_id) is not Standing.OPEN


def entered(vendor: AccountVendor, account: Account, errand: Errand) -> Credentials | None:
    """A session in its AWS account for the errand; None for one that is closed.

    AccountShutError when one that is open lets nobody in, or when there is none.
    """
    if account.aws_account_id is None:
        raise AccountShutError("The account has no AWS account of its own.")
    try:
        return vendor.access(account.aws_account_id, errand)
    except AccountShutError:
        if is_closed(vendor, account):
            return None
        raise


class Door(Protocol):
    """The door of an organisation's own AWS account, tried from outside."""

    def opens(self, place: Place, external_id: str | None) -> bool:
        """Whether the platform's role gets in with this external id, or without one."""

    def opens_rightly(self, place: Place) -> bool:
        """Whether it gets in with the external id that was made for it."""


@dataclass(frozen=True)
class Making:
    """How far an AWS account is: its number when it is there, else how to ask for it at once;
    `waits` where there is no room for it."""

    aws_account_id: str | None = None
    request: str | None = None
    waits: bool = False


@dataclass(frozen=True)
class Guard:
    """Sees who gets in; `guess` makes an external id that is nobody's."""

    entrance: Door
    guess: Callable[[], str]

    def guarded(self, place: Place) -> None:
        """That it lets the platform in with its external id, and in no other way.

        AccountShutError while it does not let it in yet, ExternalIdIgnoredError when it lets it in
        without.
        """
        if not self.entrance.opens_rightly(place):
            raise AccountShutError("The organisation's own AWS account does not let us in yet.")
        if any(self.entrance.opens(place, wrong) for wrong in (None, self.guess())):
            raise ExternalIdIgnoredError("The AWS account lets the platform in without its id.")


@dataclass(frozen=True)
class OwnAccounts:
    """`report` is told of an AWS account that stays behind; `room` is whether another one can tell
    the platform of its changes."""

    vendor: AccountVendor
    settings: VendorSettings
    report: Callable[[str, Account], None] = lambda _what, _account: None
    room: Callable[[], bool] = lambda: True

    def made(self, account: Account, request: str | None) -> Making:
        """Have it made, or see how far it is; VendingFailedError with the vendor's cause."""
        if request is None and not self.room():
            # Before one is made: closing it again counts, and takes 90 days.
            raise VendingFailedError("No AWS account was made: the entrance bus has no more room.")
        order = self._order(account)
        found = self.vendor.look(order, request) if request else self.vendor.begin(order)
        if found.state is State.FAILED:
            raise VendingFailedError(f"No AWS account was made: {found.cause or 'UNKNOWN'}.")
        if found.state is State.DONE:
            return Making(aws_account_id=found.aws_account_id)
        if found.state is State.WAITING:
            return Making(waits=True)
        return Making(request=found.request)

    def placed(self, account: Account) -> None:
        """In the unit of tenants' accounts, under its policies; GuardrailMissingError without."""
        self.vendor.place(self._order(account), self._its(account))

    def given_up(self, account: Account) -> bool:
        """Go on with taking away what was made in vain; True when nothing more is to be done.

        An account that may not be closed now, for AWS allows so many in 30 days, stays in
        quarantine, and somebody is told.
        """
        order = self._order(account)
        found = self.vendor.look(order)
        if found.state is State.RUNNING:
            return False  # whatever is begun has to be there before it can be closed
        its = found.aws_account_id or account.aws_account_id
        if its is None:
            left = self.vendor.withdraw(order)
            if left.state is State.FAILED:
                self.report("what was ordered in vain stays behind", account)
            return left.is_over
        if not self.vendor.release(its).is_over:
            return False
        closing = self._closed(its)
        if closing is State.WAITING:
            self.report("an AWS account waits in quarantine to be closed", account)
        return closing is not State.RUNNING

    def released(self, account: Account) -> bool:
        """Whether nothing governs it any more."""
        if account.aws_account_id is None:
            return True
        ended = self.vendor.release(account.aws_account_id)
        if ended.state is State.FAILED:
            self.report("an AWS account is not released from what governs it", account)
        return ended.is_over

    def ended(self, account: Account) -> State:
        """DONE when all AWS accounts of the organisation are closed, WAITING while there is no room
        for that."""
        found = self.vendor.find(account.tenant_id)
        left = {each.aws_account_id for each in found if each.is_open}
        if account.aws_account_id is not None:
            left.add(account.aws_account_id)
        # Each is asked to be closed, so that they close side by side.
        closing = {self._closed(each) for each in sorted(left)}
        if State.WAITING in closing:
            return State.WAITING
        return State.DONE if closing <= {State.DONE} else State.RUNNING

    def _closed(self, aws_account_id: str) -> State:
        self.vendor.quarantine(aws_account_id)
        return self.vendor.close(aws_account_id).state

    def _order(self, account: Account) -> Order:
        return self.settings.order(
            account.tenant_id, account.account_id, generation=account.generation
        )

    @staticmethod
    def _its(account: Account) -> str:
        if account.aws_account_id is None:
            raise AccountShutError("The account has no AWS account of its own.")
        return account.aws_account_id
