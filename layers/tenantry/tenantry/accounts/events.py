"""What happens to accounts. Ids and codes only: names and addresses stay where they are kept.

`reason` is why somebody did it, in their own words: operators say it, owners may.
"""

from typing import ClassVar

from tenantry.accounts.model import CloudType
from tenantry.messaging.event import EventData


class _AccountsEvent(EventData):
    context: ClassVar[str] = "accounts"


class AccountRequested(_AccountsEvent):
    """Asked for, or asked to be tried again; it waits for its turn."""

    type: ClassVar[str] = "AccountRequested"

    account_id: str
    organization_id: str
    operation_id: str
    cloud_type: CloudType
    reason: str | None = None


class AccountCreationStarted(_AccountsEvent):
    type: ClassVar[str] = "AccountCreationStarted"

    account_id: str
    operation_id: str


class AccountVended(_AccountsEvent):
    """An AWS account of the organisation's own was made, and this is its number."""

    type: ClassVar[str] = "AccountVended"

    account_id: str
    organization_id: str
    operation_id: str
    aws_account_id: str


class AccountProvisioned(_AccountsEvent):
    """Active: the organisation's data lives there from now on."""

    type: ClassVar[str] = "AccountProvisioned"

    account_id: str
    organization_id: str
    operation_id: str
    cloud_type: CloudType
    table_name: str


class AccountProvisioningFailed(_AccountsEvent):
    """Everything that was made is undone again; it can be retried."""

    type: ClassVar[str] = "AccountProvisioningFailed"

    account_id: str
    organization_id: str
    operation_id: str
    code: str


class AccountCancelled(_AccountsEvent):
    """Given up before it was active: the organisation may ask for another one."""

    type: ClassVar[str] = "AccountCancelled"

    account_id: str
    organization_id: str
    operation_id: str
    reason: str | None = None


class AccountCancelRequested(_AccountsEvent):
    """What is at work on it is to be given up: told where that takes a while, or undoes nothing."""

    type: ClassVar[str] = "AccountCancelRequested"

    account_id: str
    organization_id: str
    operation_id: str
    reason: str | None = None


class AccountProbed(_AccountsEvent):
    """Written into the new account's own table: that it arrives shows that its stream works."""

    type: ClassVar[str] = "AccountProbed"

    account_id: str
    operation_id: str


class AccountMoveRequested(_AccountsEvent):
    """To be moved to a place of another kind; it waits for its turn."""

    type: ClassVar[str] = "AccountMoveRequested"

    account_id: str
    organization_id: str
    operation_id: str
    cloud_type: CloudType
    reason: str | None = None


class AccountMoved(_AccountsEvent):
    """The organisation's data lives in a place of another kind from now on."""

    type: ClassVar[str] = "AccountMoved"

    account_id: str
    organization_id: str
    operation_id: str
    cloud_type: CloudType
    table_name: str


class AccountMoveFailed(_AccountsEvent):
    """The organisation's data is where it was, and the copy is gone."""

    type: ClassVar[str] = "AccountMoveFailed"

    account_id: str
    organization_id: str
    operation_id: str
    code: str


class AccountCopyRetired(_AccountsEvent):
    """The time is over for which a move's old copy was kept: from now on it is being removed."""

    type: ClassVar[str] = "AccountCopyRetired"

    account_id: str
    operation_id: str


class AccountCopyRemoved(_AccountsEvent):
    """Nothing of a move's old copy is left."""

    type: ClassVar[str] = "AccountCopyRemoved"

    account_id: str
    operation_id: str


class AccountTeardownRequested(_AccountsEvent):
    """Asked for; nothing happens until a second person approves it."""

    type: ClassVar[str] = "AccountTeardownRequested"

    account_id: str
    organization_id: str
    operation_id: str
    plan: str
    reason: str | None = None


class AccountTeardownApproved(_AccountsEvent):
    """By a second person: the account is read only, and deleted when its grace period is over."""

    type: ClassVar[str] = "AccountTeardownApproved"

    account_id: str
    organization_id: str
    operation_id: str
    requested_by: str
    not_before: str
    reason: str | None = None


class AccountTeardownCancelled(_AccountsEvent):
    """Given up before anything was deleted: the account is as it was."""

    type: ClassVar[str] = "AccountTeardownCancelled"

    account_id: str
    organization_id: str
    operation_id: str
    reason: str | None = None


class AccountTeardownFailed(_AccountsEvent):
    """It stands where it stands until somebody retries it."""

    type: ClassVar[str] = "AccountTeardownFailed"

    account_id: str
    organization_id: str
    operation_id: str
    code: str


class AccountTornDown(_AccountsEvent):
    """Nothing of it is left but what its certificate names."""

    type: ClassVar[str] = "AccountTornDown"

    account_id: str
    organization_id: str
    operation_id: str
    certificate: str
    """SHA-256 of the certificate."""


class TechnicalUserCreated(_AccountsEvent):
    """A client acts for the organisation from now on; who has its secret, this does not say."""

    type: ClassVar[str] = "TechnicalUserCreated"

    account_id: str
    organization_id: str
    client_id: str
    is_issued: bool
    """Whether its credentials were handed out with it."""


class TechnicalUserIssued(_AccountsEvent):
    """The credentials of a client were handed out, which is done once."""

    type: ClassVar[str] = "TechnicalUserIssued"

    account_id: str
    organization_id: str
    client_id: str


class TechnicalUserEnded(_AccountsEvent):
    """A client acts for the organisation no more, from a time on."""

    type: ClassVar[str] = "TechnicalUserEnded"

    account_id: str
    organization_id: str
    client_id: str
    ends_at: str
