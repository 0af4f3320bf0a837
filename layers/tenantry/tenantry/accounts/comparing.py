"""Comparing what a move left behind with where the organisation is now, as both are at this moment.

A move compares twice while nobody writes, and the ledger keeps that. Afterwards the organisation
works on: this tells how the two have come apart, part by part, and changes nothing.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pydantic import ValidationError

from tenantry.accounts.model import (
    ACCOUNT_READ,
    Account,
    CloudType,
    Compared,
    Differences,
    Kind,
    Operation,
    OperationStatus,
    ProvisioningStatus,
)
from tenantry.accounts.provisioning import COMPARED_BEYOND, Shared
from tenantry.accounts.repository import Comparisons, Place
from tenantry.accounts.service import AccountService
from tenantry.errors import ConflictError, InvalidInputError
from tenantry.persistence import cursors
from tenantry.tenancy.caller import Caller

_PAGES: Final = 10
"""In one call, whose caller waits for it."""


@dataclass(frozen=True)
class ComparisonService:
    accounts: AccountService
    comparisons: Comparisons
    shared: Shared
    pages: int = _PAGES

    def page(
        self, caller: Caller, account_id: str, after: str | None, *, as_operator: bool = False
    ) -> Compared:
        """A part of the comparison, what was found so far, and the cursor of the next part.

        ConflictError when no old copy is there to compare with, InvalidInputError for a cursor of
        another comparison.
        """
        who = self.accounts.who(caller, ACCOUNT_READ, as_operator)
        account, operation = self.accounts.current(who, account_id)
        old, new = self._places(account, operation)
        now = self.accounts.stamp.now()
        began, found = _read(after, operation) if after else (now, Differences())
        for _ in range(self.pages):
            if found.is_whole:
                break
            found = self.comparisons.compare(old, new, found, began + COMPARED_BEYOND)
        cursor = None
        if not found.is_whole:
            cursor = cursors.encode(
                {
                    "operation": operation.operation_id,
                    "began": began.isoformat(),
                    "found": found.model_dump_json(exclude_defaults=True),
                }
            )
        return Compared(operation.operation_id, began, now, found, cursor)

    def _places(self, account: Account, operation: Operation) -> tuple[Place, Place]:
        """What was left, and where the organisation is."""
        kept = operation.status is OperationStatus.SUCCEEDED and operation.retire_at is not None
        if not kept or account.retiring or account.status is not ProvisioningStatus.ACTIVE:
            raise ConflictError("There is no old copy to compare with.")
        prefix, new = self.accounts.prefix, self.shared.place(account, self.accounts.prefix)
        if operation.kind is Kind.MOVE:
            kinds = {CloudType.PUBLIC: CloudType.PRIVATE, CloudType.PRIVATE: CloudType.PUBLIC}
            return self.shared.place(account.hosted_as(kinds[account.cloud_type]), prefix), new
        return self.shared.left_behind(account), new


def _read(cursor: str, operation: Operation) -> tuple[datetime, Differences]:
    position = cursors.decode(cursor, "operation", "began", "found")
    try:
        began = datetime.fromisoformat(position["began"])
        found = Differences.model_validate_json(position["found"])
    except (ValueError, ValidationError) as error:
        raise _refused() from error
    if position["operation"] != operation.operation_id or began.tzinfo is None:
        raise _refused()
    return began, found


def _refused() -> InvalidInputError:
    return InvalidInputError([{"field": "after", "message": "is not a cursor of this comparison"}])
