"""AWS accounts in quarantine, closed when AWS's quota allows another closure.

What was made in vain waits there when its operation has ended already; what is torn down is closed
by its own operation. An account that is somebody's place is closed by nobody, wherever it lies.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tenantry.accounts.model import ProvisioningStatus
from tenantry.accounts.repository import AccountRepository
from tenantry.accounts.vending import ACCOUNT_TAG, AccountVendor, State, Vended

_MOST: Final = 20
"""Closures in one run."""
_HAS_AN_OPERATION: Final = frozenset(
    {ProvisioningStatus.PENDING, ProvisioningStatus.CREATING, ProvisioningStatus.DELETING}
)


@dataclass(frozen=True)
class Swept:
    """`closing` are asked to be closed by now, `waiting` lie there still."""

    closing: int = 0
    waiting: int = 0


@dataclass(frozen=True)
class Quarantine:
    """`report` is told of an AWS account, by its number, that somebody has to look at."""

    vendor: AccountVendor
    accounts: AccountRepository
    report: Callable[[str, str], None] = lambda _what, _aws_account_id: None

    def sweep(self) -> Swept:
        """Close what nobody uses, as many as the quota allows; the next run goes on."""
        closing = 0
        left = [each for each in self.vendor.quarantined() if self._is_to_close(each)]
        for each in left[:_MOST]:
            if self.vendor.close(each.aws_account_id).state is State.WAITING:
                break  # the quota is one for all
            closing += 1
        return Swept(closing, len(left) - closing)

    def _is_to_close(self, vended: Vended) -> bool:
        known = self.accounts.get(vended.tags.get(ACCOUNT_TAG, ""))
        if known is not None and known.aws_account_id == vended.aws_account_id:
            if known.status in _HAS_AN_OPERATION:
                return False
            if known.status is not ProvisioningStatus.DELETED:
                self.report("an AWS account in use lies in quarantine", vended.aws_account_id)
                return False
        if vended.is_enrolled:
            self.report("an AWS account in quarantine is governed still", vended.aws_account_id)
            return False
        return True
