"""Adapter: the platform's bus for what comes from organisations' own AWS accounts.

Its policy lets each account in by a statement of its own, and has 10,240 bytes: room for some
thirty. Where the AWS organisation as a whole is let in, by a statement of the deployment's, there
is nothing to do for one account. Either way an account is let in and no more: what it says is held
against the route of the organisation that it speaks for.
"""

from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from tenantry.accounts.model import MOST_AT_ONCE, Account
from tenantry.errors import StackFailedError
from tenantry.runtime.services import reached

if TYPE_CHECKING:
    from types_boto3_events.client import EventBridgeClient

MOST_BYTES: Final = 10_240
"""What a bus's policy may have ("PutPermission": it cannot exceed 10 KB)."""
STATEMENT_BYTES: Final = 320
"""What a statement takes at most, with names as long as they may be."""
_WHAT: Final = "The entrance bus"


class EventBridgeEntrance:
    """`spare` is for how many accounts room is kept that are on their way already."""

    def __init__(self, client: "EventBridgeClient", name: str, spare: int = MOST_AT_ONCE) -> None:
        self._client: Any = client
        self._name = name
        self._spare = spare

    def has_room(self) -> bool:
        with reached(_WHAT):
            policy = self._client.describe_event_bus(Name=self._name).get("Policy", "")
        return len(policy) + (self._spare + 1) * STATEMENT_BYTES <= MOST_BYTES

    def let_in(self, account: Account) -> None:
        with reached(_WHAT):
            try:
                self._client.put_permission(
                    EventBusName=self._name,
                    Action="events:PutEvents",
                    Principal=account.aws_account_id,
                    StatementId=_statement(account),
                )
            except ClientError as error:
                if error.response["Error"]["Code"] == "PolicyLengthExceededException":
                    raise StackFailedError("The entrance bus lets no more accounts in.") from error
                raise

    def shut(self, account: Account) -> None:
        with reached(_WHAT):
            try:
                self._client.remove_permission(
                    EventBusName=self._name, StatementId=_statement(account)
                )
            except ClientError as error:
                if error.response["Error"]["Code"] != "ResourceNotFoundException":
                    raise


class OpenEntrance:
    """The AWS organisation is let in as a whole, however many accounts it has."""

    def has_room(self) -> bool:
        return True

    def let_in(self, account: Account) -> None:
        """It is in already."""

    def shut(self, account: Account) -> None:
        """It stays in until it is closed, and is believed of nothing from its end on."""


def _statement(account: Account) -> str:
    return f"account-{account.account_id}"[:64]
