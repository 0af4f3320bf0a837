"""The stacks of accounts, each made and removed as its kind of hosting is."""

from dataclasses import dataclass

from tenantry.accounts.model import Account, CloudType, StackEvent
from tenantry.accounts.repository import Stack, Stacks


@dataclass(frozen=True)
class StacksByKind:
    """`dedicated` is None where organisations have no AWS accounts of their own."""

    private: Stacks
    dedicated: Stacks | None

    def create(self, account: Account, token: str) -> None:
        self._of(account).create(account, token)

    def find(self, account: Account) -> Stack | None:
        return self._of(account).find(account)

    def events(self, account: Account) -> list[StackEvent]:
        return self._of(account).events(account)

    def remove(self, account: Account) -> bool:
        return self._of(account).remove(account)

    def _of(self, account: Account) -> Stacks:
        if account.cloud_type is not CloudType.DEDICATED:
            return self.private
        if self.dedicated is None:
            raise LookupError("this function enters no AWS accounts of organisations' own")
        return self.dedicated
