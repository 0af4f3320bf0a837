"""Use cases on technical users: look, and hand credentials out."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from tenantry.accounts.model import (
    ACCOUNT_CREDENTIALS,
    ACCOUNT_READ,
    SCOPES,
    Account,
    AccountInput,
    CredentialsInput,
    ProvisioningStatus,
)
from tenantry.accounts.service import AccountService
from tenantry.accounts.technical_users import Credentials, TechnicalUsers
from tenantry.errors import ConflictError, NotFoundError
from tenantry.messaging.event import Event, EventData
from tenantry.organizations.machines import Machine
from tenantry.persistence.writes import Write
from tenantry.runtime.inputs import parse
from tenantry.tenancy.caller import Caller
from tenantry.tenancy.roles import RESOURCE_SERVER

GRANTED: Final = tuple(f"{RESOURCE_SERVER}/{scope}" for scope in SCOPES)
"""What a technical user may, as its tokens say it."""


@dataclass(frozen=True)
class TechnicalUserService:
    accounts: AccountService
    users: TechnicalUsers
    token_url: str

    def look(
        self, caller: Caller, account_id: str, *, as_operator: bool = False
    ) -> tuple[Account, list[Machine]]:
        """The programs that act for the organisation; no secret is told again."""
        who = self.accounts.who(caller, ACCOUNT_READ, as_operator)
        given = parse(AccountInput, {"accountId": account_id})
        account = self.accounts.visible(who, given.account_id)
        return account, self.users.lasting(account)

    def issue(self, caller: Caller, account_id: str, values: dict[str, Any]) -> Credentials:
        """Hand out credentials; emits TechnicalUserIssued the first time, and from then on
        TechnicalUserCreated, and TechnicalUserEnded of those before.

        Not an operator's, whoever they are. ConflictError unless the account is active, until
        they are handed out, and for all but one of those who ask at once; NotFoundError where no
        technical user was asked for.
        """
        given = parse(CredentialsInput, {**values, "accountId": account_id})
        who = self.accounts.who(caller, ACCOUNT_CREDENTIALS, as_operator=False)
        account = self.accounts.visible(who, given.account_id)
        if account.technical_user is None:
            raise NotFoundError("The account was asked for without a technical user.")
        if account.status is not ProvisioningStatus.ACTIVE:
            raise ConflictError("Credentials are handed out while the account is active.")

        def tell(data: EventData, _client_id: str) -> Event:
            return self.accounts.stamp.event(data, who.cause)

        def guard(number: int) -> Write:
            return self.accounts.accounts.handed_out(account, number)

        return self.users.issue(account, timedelta(seconds=given.grace_seconds), tell, guard)
