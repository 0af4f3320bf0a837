"""The port to whoever makes AWS accounts for tenants, and ends them.

Every command says what is to be true and may be repeated: what was asked for before is recognised
by what the services say (the account's own e-mail address, name and tags), never by our ledger. So
an order whose answer was lost, or that a hundred callers give, makes one account.

What the services have no room for right now is a wait, no failure: see `Progress`.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from tenantry.runtime.settings import Settings

TENANT_TAG: Final = "tenant-id"
ACCOUNT_TAG: Final = "account-id"
DEPLOYMENT_TAG: Final = "deployment"
CLOSING_TAG: Final = "closing-since"
"""When an account was closed: Organizations tells that of no account."""

CLOSURES_WITHIN: Final = timedelta(days=30)
"""The rolling period that AWS counts closures in."""

_DIGITS: Final = 16
_LONGEST_EMAIL: Final = 64


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class VendorKind(StrEnum):
    ORGANIZATIONS = "organizations"
    CONTROL_TOWER = "control-tower"


_Arn = Annotated[str, StringConstraints(pattern=r"^arn:aws[a-z-]*:iam::\d{12}:role/.+$")]
_Unit = Annotated[str, StringConstraints(pattern=r"^(ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}|r-\w+)$")]
_Email = Annotated[str, StringConstraints(pattern=r"^[^\s@+]+@[^\s@]+\.[^\s@]+$")]


class VendorSettings(_Frozen):
    """How a deployment gets AWS accounts."""

    kind: VendorKind = VendorKind.ORGANIZATIONS
    deployment: str
    """The prefix of everything that this deployment makes."""
    management_role_arn: _Arn
    """A role in the management account that trusts the platform: Organizations and Service Catalog
    answer only there, and the accounts' access roles trust only that account."""
    external_id: str = ""
    """Of the management role; empty where it asks for none."""
    root_email: _Email
    """Accounts get its plus-addresses, so its mailbox receives what AWS tells their owners."""
    unit: _Unit
    """The organisational unit of tenants' accounts."""
    quarantine_unit: _Unit
    """Where accounts lie that are to be closed."""
    required_policy: str = ""
    """The service control policy that must be in effect for an account; empty for none."""
    most_creations: int = Field(default=5, ge=1)
    """Accounts that may be in the making at a time, of the whole organisation (AWS: five)."""
    most_accounts: int = Field(default=0, ge=0)
    """Accounts that the organisation may have; 0 where only AWS's own quota counts."""
    most_closures: int = Field(default=10, ge=0)
    """Closures within 30 days; AWS allows more to larger organisations."""
    # of Control Tower's Account Factory alone
    product_id: str = ""
    artifact_id: str = ""
    """Its provisioning artifact; empty for the one that is active in the product."""
    unit_name: str = ""
    """The unit's name: the product asks for `name (id)`."""
    home_region: str = ""
    """Where Control Tower was set up; empty for the platform's own region."""
    sso_email: str = ""
    sso_first_name: str = "Tenantry"
    sso_last_name: str = "Accounts"

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.kind is VendorKind.CONTROL_TOWER:
            for name in ("product_id", "unit_name", "sso_email"):
                if not getattr(self, name):
                    raise ValueError(f"{name} is needed for Control Tower")
        if len(self.root_email) + len(f"+{self.deployment}-") + _DIGITS > _LONGEST_EMAIL:
            raise ValueError("root_email is too long: plus-addresses of it have 64 characters")
        return self

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """From a function's environment: `PREFIX`, and in `ACCOUNT_VENDOR` the fields as JSON.

        What is empty there counts as not given. LookupError without them, ValidationError for what
        is missing in them or cannot be.
        """
        given = json.loads(settings.required("ACCOUNT_VENDOR"))
        said = {name: value for name, value in given.items() if value != ""}
        return cls.model_validate({**said, "deployment": settings.required("PREFIX")})

    @property
    def access_role(self) -> str:
        """The role that lets the management account into an account that was made."""
        if self.kind is VendorKind.CONTROL_TOWER:
            return "AWSControlTowerExecution"
        return "OrganizationAccountAccessRole"

    def owns(self, email: str, tags: Mapping[str, str]) -> bool:
        """Whether an account is this deployment's: by its tag, and where it has none by the address
        of an order. A deployment's name may begin like another one's."""
        if DEPLOYMENT_TAG in tags:
            return tags[DEPLOYMENT_TAG] == self.deployment
        mailbox, _, domain = (re.escape(part) for part in self.root_email.lower().partition("@"))
        ordered = rf"{mailbox}\+{re.escape(self.deployment.lower())}-[0-9a-f]{{{_DIGITS}}}@{domain}"
        return re.fullmatch(ordered, email.lower()) is not None

    def order(
        self, tenant_id: str, account_id: str, attempt: int = 1, generation: int = 1
    ) -> "Order":
        """The order of an account's AWS account: the same for the same account and generation.

        Its e-mail address follows from the account and not from the tenant alone, as AWS gives an
        address to one account ever: a tenant that comes back needs another one, and so does an
        account whose AWS account was closed, the next `generation`.
        """
        which = account_id if generation == 1 else f"{account_id}/{generation}"
        digest = hashlib.sha256(which.encode()).hexdigest()[:_DIGITS]
        name = f"{self.deployment}-{digest}"
        mailbox, _, domain = self.root_email.partition("@")
        return Order(
            tenant_id=tenant_id,
            account_id=account_id,
            name=name,
            email=f"{mailbox}+{name}@{domain}",
            unit=self.unit,
            tags={
                TENANT_TAG: tenant_id,
                ACCOUNT_TAG: account_id,
                DEPLOYMENT_TAG: self.deployment,
            },
            attempt=attempt,
        )


class Order(_Frozen):
    """An AWS account as it is wanted."""

    tenant_id: str
    account_id: str
    """Ours, of which the AWS account is the place."""
    name: Annotated[str, StringConstraints(max_length=50)]
    email: Annotated[str, StringConstraints(max_length=_LONGEST_EMAIL)]
    """Nobody else's: what is found under it is this order's."""
    unit: str
    tags: Mapping[str, str]
    attempt: int = 1
    """Tells a try from one that failed before; what is found is the order's in any case."""


class State(StrEnum):
    WAITING = "WAITING"
    """There is no room, or nothing has been begun: ask for it again later."""
    RUNNING = "RUNNING"
    """It is under way: look again later."""
    DONE = "DONE"
    FAILED = "FAILED"
    """It was given up, for `cause`; asked for again, it is tried again."""


class Progress(_Frozen):
    """How far something is that the services do in their own time."""

    state: State
    aws_account_id: str | None = None
    request: str | None = None
    """What the services call the request, to look at it at once."""
    cause: str | None = None
    """A stable code: why it waits or failed."""

    @property
    def is_over(self) -> bool:
        return self.state in (State.DONE, State.FAILED)


class Standing(StrEnum):
    OPEN = "OPEN"
    CLOSED = "CLOSED"
    """Or about to be."""
    GONE = "GONE"
    """The organisation knows of none such: AWS has deleted it, or it has left."""


class Placement(_Frozen):
    """Where an account stands, and which service control policies are in effect there."""

    unit: str
    policies: tuple[str, ...]


class Vended(_Frozen):
    """An AWS account as the services tell of it."""

    aws_account_id: str
    name: str
    email: str
    is_open: bool
    """False for one that is closed, or about to be."""
    is_enrolled: bool = False
    """Whether a product of the Account Factory governs it."""
    tags: Mapping[str, str]

    @property
    def tenant_id(self) -> str | None:
        return self.tags.get(TENANT_TAG)


class Purpose(StrEnum):
    SETTING_UP = "setting up"
    LOOKING = "looking"
    ENDING = "ending"


@dataclass(frozen=True)
class Errand:
    """What a session in an account is for, which it may do and nothing else."""

    purpose: Purpose
    name: str
    """Of the stack and the table there, and what the names of the buckets begin with."""


@dataclass(frozen=True)
class Credentials:
    """A session in an account, for an hour at most: it came by a chain of roles."""

    aws_account_id: str
    access_key_id: str
    secret_access_key: str
    session_token: str
    until: datetime

    def __repr__(self) -> str:
        return f"Credentials(aws_account_id={self.aws_account_id!r}, until={self.until!r})"


class AccountVendor(Protocol):
    """Every call: UnavailableError when a service is busy or out of reach; then nothing is known
    of what it has done, and the same call again finds out."""

    def begin(self, order: Order) -> Progress:
        """Have the account made, once. WAITING when there is no room for it now."""

    def look(self, order: Order, request: str | None = None) -> Progress:
        """How far it is, changing nothing; with the `request` of an earlier answer in fewer calls.
        WAITING when it was never begun. An account that there is, it tells of in any case: one that
        is closed, or governed by nothing any more."""

    def place(self, order: Order, aws_account_id: str) -> Placement:
        """Move the account to the order's unit, tag it, and see what policies are in effect.

        GuardrailMissingError when the required one is not.
        """

    def access(self, aws_account_id: str, errand: Errand) -> Credentials:
        """A session in the account, as its administrator narrowed to the errand.

        AccountShutError when it lets nobody in: it is too new yet, or closed.
        """

    def withdraw(self, order: Order) -> Progress:
        """Take away what is left of an order that made no account; DONE when there is nothing."""

    def release(self, aws_account_id: str) -> Progress:
        """Take it out of what governs it; DONE when it is no longer enrolled, or never was."""

    def standing(self, aws_account_id: str) -> Standing:
        """Whether it is open still."""

    def quarantine(self, aws_account_id: str) -> None:
        """Move it to the quarantine unit; one that is gone is fine."""

    def close(self, aws_account_id: str) -> Progress:
        """Close it, for good. WAITING while AWS's quotas, or ours, allow no closure; RUNNING while
        AWS closes it; one that is closed, or gone, is DONE."""

    def find(self, tenant_id: str) -> list[Vended]:
        """The tenant's accounts by their tags, closed ones too."""

    def quarantined(self) -> list[Vended]:
        """Accounts of this deployment that lie in the quarantine unit and are open."""

    def accounts(self) -> list[Vended]:
        """All accounts of this deployment, by tags or e-mail address, closed ones too."""
