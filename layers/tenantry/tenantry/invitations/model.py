"""Invitations: by mail to one person, or by a link for some of a domain; and their tokens."""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from tenantry.errors import InvalidInputError, TenantryError
from tenantry.mail.text import leads_elsewhere
from tenantry.organizations.model import PlanName, checked_domain
from tenantry.persistence.keys import part
from tenantry.runtime.inputs import Input, Text
from tenantry.tenancy.roles import ADMINS, MANAGERS, Permission, Role, givers_of

# permissions

INVITATIONS_READ: Final = Permission("invitation:read", MANAGERS, writes=False)
INVITE: Final = Permission("invitation:send", MANAGERS)
INVITE_BY_LINK: Final = Permission("invitation:link", ADMINS)

# times and limits

VALID: Final = timedelta(days=7)
REMINDED_BEFORE: Final = timedelta(days=2)
"""The end: who has not answered by then is reminded, once."""
KEPT: Final = timedelta(days=90)
"""After its end, so that a list shows what became of it."""
HASHES: Final = 4
"""How many mails of one generation hold a token that is valid: a mail delivered twice, and its
reminder, each have one of their own, as only its hash is kept."""
MOST_AT_ONCE: Final = 100
SHARDS: Final = 8
"""Partitions of what is due, so that a sweep's index takes any rate of invitations."""


@dataclass(frozen=True)
class Quota:
    """How many mails an organisation's invitations may send: in a day (UTC), and ever."""

    a_day: int
    ever: int | None


QUOTAS: Final = {
    PlanName.FREE: Quota(20, 100),
    PlanName.STARTER: Quota(200, None),
    PlanName.PROFESSIONAL: Quota(2_000, None),
    PlanName.ENTERPRISE: Quota(10_000, None),
}
"""Inviting, removing and inviting again frees a seat, but none of these."""

# tokens

_SECRET_BYTES: Final = 32
_SEPARATOR: Final = "~"
_PARTS: Final = 4
_LONGEST_TOKEN: Final = 600


class Kind(StrEnum):
    """What a token is of; the letter stands in it."""

    MAIL = "m"
    LINK = "l"


@dataclass(frozen=True)
class Token:
    """Where an invitation is, and the 256 random bits that let somebody in.

    It exists in a mail and in the hands of who got that; here only for as long as it is looked at.
    """

    kind: Kind
    tenant_id: str
    invitation_id: str
    secret: bytes

    def __repr__(self) -> str:
        return f"Token({self.kind}, {self.tenant_id}, {self.invitation_id})"

    @classmethod
    def minted(cls, kind: Kind, tenant_id: str, invitation_id: str) -> Self:
        return cls(kind, tenant_id, invitation_id, secrets.token_bytes(_SECRET_BYTES))

    @classmethod
    def read(cls, text: str) -> Self | None:
        """The token of a text from outside; None when it is none."""
        parts = text.strip().split(_SEPARATOR) if len(text) <= _LONGEST_TOKEN else []
        if len(parts) != _PARTS:
            return None
        kind, tenant_id, invitation_id, secret = parts
        try:
            decoded = base64.b64decode(f"{secret}=", altchars=b"-_", validate=True)
            found = cls(Kind(kind), part(tenant_id), part(invitation_id), decoded)
        except (ValueError, binascii.Error, InvalidInputError):
            return None
        return found if len(decoded) == _SECRET_BYTES and found.text == text.strip() else None

    @property
    def text(self) -> str:
        secret = base64.urlsafe_b64encode(self.secret).decode().rstrip("=")
        return _SEPARATOR.join((self.kind, self.tenant_id, self.invitation_id, secret))

    @property
    def hash(self) -> str:
        return hashlib.sha256(self.secret).hexdigest()


def is_among(token_hash: str, hashes: Collection[str]) -> bool:
    """Whether a token is one of those that were mailed; takes as long for each answer."""
    found = False
    for known in hashes:
        found |= hmac.compare_digest(token_hash, known)
    return found


# addresses


def masked(email: str) -> str:
    """Enough of an address to be known by whose it is, and by nobody else."""
    local, _, domain = email.rpartition("@")
    name, dot, end = domain.rpartition(".")
    return f"{local[:1]}***@{name[:1]}***{dot}{end}"


# what is stored


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


class InvitationStatus(StrEnum):
    PENDING = "PENDING"
    ACCEPTED = "ACCEPTED"
    DECLINED = "DECLINED"
    REVOKED = "REVOKED"
    EXPIRED = "EXPIRED"


class Invitation(_Stored):
    """An offer of a membership to the owner of an address; it holds a seat while it is pending.

    Each sending is a `generation`: one sent again ends the tokens of the mails before.
    """

    tenant_id: str
    invitation_id: str
    email: str
    role: Role
    message: str | None = None
    locale: str | None = None
    inviter_id: str
    status: InvitationStatus = InvitationStatus.PENDING
    generation: int = 1
    token_hashes: tuple[str, ...] = ()
    reminded: bool = False
    accepted_by: str | None = None
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None
    entity_version: int = 1

    def status_at(self, now: datetime) -> InvitationStatus:
        """What it is worth now: past its time it is expired, whatever has been swept."""
        over = self.status is InvitationStatus.PENDING and now >= self.expires_at
        return InvitationStatus.EXPIRED if over else self.status

    def is_open(self, now: datetime) -> bool:
        return self.status_at(now) is InvitationStatus.PENDING

    @property
    def due_at(self) -> datetime:
        """When the sweep has to look at it next."""
        return self.expires_at if self.reminded else self.expires_at - REMINDED_BEFORE

    @property
    def sent_at(self) -> datetime:
        """When it was sent, the last time that somebody did."""
        return self.expires_at - VALID

    def sent_again(self, inviter_id: str, now: datetime) -> Self:
        """The next version, of a new generation: who sends it vouches for it."""
        return self._next(
            inviter_id=inviter_id,
            generation=self.generation + 1,
            token_hashes=(),
            reminded=False,
            expires_at=now + VALID,
        )

    def reminded_of(self) -> Self:
        return self._next(reminded=True)

    def ended(self, status: InvitationStatus, now: datetime, by: str | None = None) -> Self:
        """The next version, over: no token opens it any more."""
        return self._next(status=status, ended_at=now, token_hashes=(), accepted_by=by)

    def _next(self, **fields: Any) -> Self:
        return self.model_copy(update={**fields, "entity_version": self.entity_version + 1})


class LinkStatus(StrEnum):
    ACTIVE = "ACTIVE"
    USED_UP = "USED_UP"
    """Never stored: that all uses are taken is seen by their number."""
    REVOKED = "REVOKED"
    EXPIRED = "EXPIRED"


class InvitationLink(_Stored):
    """An offer to some people of a domain; it holds no seat, and proves nobody's address.

    `uses` counts against `max_uses` and moves without a new `entity_version`.
    """

    tenant_id: str
    link_id: str
    role: Role
    domains: tuple[str, ...]
    max_uses: int
    uses: int = 0
    creator_id: str
    status: LinkStatus = LinkStatus.ACTIVE
    token_hashes: tuple[str, ...] = ()
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None
    entity_version: int = 1

    def status_at(self, now: datetime) -> LinkStatus:
        if self.status is not LinkStatus.ACTIVE:
            return self.status
        if self.uses >= self.max_uses:
            return LinkStatus.USED_UP
        return LinkStatus.EXPIRED if now >= self.expires_at else self.status

    def is_open(self, now: datetime) -> bool:
        return self.status_at(now) is LinkStatus.ACTIVE

    def admits(self, email: str) -> bool:
        return email.rpartition("@")[2].lower() in self.domains

    def ended(self, status: LinkStatus, now: datetime) -> Self:
        return self._next(status=status, ended_at=now, token_hashes=())

    def _next(self, **fields: Any) -> Self:
        return self.model_copy(update={**fields, "entity_version": self.entity_version + 1})


@dataclass(frozen=True)
class Claim:
    """What is kept of a token between sign-up and confirmation: where, and its hash."""

    kind: Kind
    tenant_id: str
    invitation_id: str
    token_hash: str

    @property
    def is_mailed(self) -> bool:
        """Whether it came by mail to the very address, and so proves the mailbox."""
        return self.kind is Kind.MAIL


# what is shown


@dataclass(frozen=True)
class Preview:
    """What a landing page shows of an invitation to whoever holds its token."""

    organization_name: str
    inviter_name: str | None
    role: Role
    masked_email: str | None
    """None of a link."""
    domains: tuple[str, ...]
    """Of a link: whose people it is for."""
    expires_at: datetime


@dataclass(frozen=True)
class Joined:
    """The membership that somebody accepted."""

    organization_id: str
    name: str
    slug: str
    role: Role
    plan: str
    joined_at: datetime


@dataclass(frozen=True)
class InvitationPage:
    items: tuple[Invitation, ...]
    next_cursor: str | None


@dataclass(frozen=True)
class LinkPage:
    items: tuple[InvitationLink, ...]
    next_cursor: str | None


@dataclass(frozen=True)
class Outcome:
    """What became of one of several invitations: it, or why not."""

    email: str
    invitation: Invitation | None = None
    error: TenantryError | None = None


# what comes in


class _CamelInput(Input):
    """Inputs speak the API's camelCase, in their faults too."""

    model_config = ConfigDict(alias_generator=to_camel, defer_build=True)


def _leads_nowhere(value: str) -> str:
    if leads_elsewhere(value):
        raise ValueError("must hold no link and no address: the mail has a link of its own")
    return value


def _not_owner(value: Role) -> Role:
    if value is Role.OWNER:
        raise ValueError("must not be OWNER: a link is for people whom nobody has named")
    return value


def _each_domain(values: list[str]) -> list[str]:
    return list(dict.fromkeys(checked_domain(value) for value in values))


RoleName = Annotated[Role, Field(strict=False)]
Locale = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,2}$", max_length=20)
]


class InviteInput(_CamelInput):
    """Somebody to be invited; their address is checked by the service."""

    email: Annotated[str, StringConstraints(max_length=254)]
    role: RoleName = Role.MEMBER
    message: (
        Annotated[Text, StringConstraints(max_length=1000), AfterValidator(_leads_nowhere)] | None
    ) = None
    locale: Locale | None = None


class TokenInput(_CamelInput):
    token: Annotated[str, StringConstraints(max_length=_LONGEST_TOKEN)]


class LinkInput(_CamelInput):
    """Whom a link lets in, how many of them, and until when."""

    domains: Annotated[
        list[Annotated[str, StringConstraints(max_length=253)]],
        Field(min_length=1, max_length=20),
        AfterValidator(_each_domain),
    ]
    max_uses: Annotated[int, Field(ge=1, le=1000)]
    role: Annotated[RoleName, AfterValidator(_not_owner)] = Role.MEMBER


def may_give(holder: Role, role: Role) -> bool:
    """Whether a member in the role `holder` may invite somebody as `role`."""
    return holder in givers_of(role)
