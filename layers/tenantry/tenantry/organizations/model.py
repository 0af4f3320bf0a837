"""Organisations: plans, slugs, settings, members, e-mail domains and the rules on them."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from pydantic.alias_generators import to_camel

from tenantry.errors import ConflictError, Excess, Fault
from tenantry.runtime.inputs import IdempotencyKey, Input, Line, Text, fingerprint
from tenantry.tenancy.access import MemberStatus, OrganizationStatus, Standing
from tenantry.tenancy.metering import StoredCalls
from tenantry.tenancy.roles import ADMINS, EVERYONE, OWNERS, Permission, Role

# permissions

ORGANIZATION_READ: Final = Permission("organization:read", EVERYONE, writes=False, to_pay=True)
ORGANIZATION_UPDATE: Final = Permission("organization:update", ADMINS)
SETTINGS_UPDATE: Final = Permission("organization:settings", ADMINS)
DOMAINS_MANAGE: Final = Permission("organization:domains", ADMINS)
USAGE_READ: Final = Permission(
    "organization:usage", ADMINS, writes=False, to_pay=True, scope="usage.read"
)
MEMBERS_READ: Final = Permission("members:read", EVERYONE, writes=False)
MEMBERS_ROLES: Final = Permission("members:roles", ADMINS)
MEMBERS_PERMISSIONS: Final = Permission("members:permissions", ADMINS)
MEMBERS_SUSPEND: Final = Permission("members:suspend", ADMINS)
MEMBERS_REMOVE: Final = Permission("members:remove", ADMINS)
MEMBERS_LEAVE: Final = Permission("members:leave", EVERYONE, support=False)
OWNERSHIP_TRANSFER: Final = Permission("ownership:transfer", OWNERS, support=False)
SUPPORT_READ: Final = Permission("support:read", ADMINS, writes=False)

# plans


class PlanName(StrEnum):
    FREE = "FREE"
    STARTER = "STARTER"
    PROFESSIONAL = "PROFESSIONAL"
    ENTERPRISE = "ENTERPRISE"


@dataclass(frozen=True)
class Plan:
    """The limits of an organisation; storage in bytes, API calls a month; None is no limit."""

    max_users: int | None
    max_projects: int | None
    max_storage: int | None
    max_api_calls: int | None


_GIB: Final = 1024**3

PLANS: Final = {
    PlanName.FREE: Plan(5, 3, 1 * _GIB, 10_000),
    PlanName.STARTER: Plan(25, 25, 50 * _GIB, 250_000),
    PlanName.PROFESSIONAL: Plan(250, 500, 1024 * _GIB, 5_000_000),
    PlanName.ENTERPRISE: Plan(None, None, None, None),
}

RANK: Final = {name: place for place, name in enumerate(PlanName)}
"""Which of two plans is the larger one."""

NON_PAYMENT: Final = "non-payment"
"""Why an organisation is suspended that did not pay: then paying opens it again."""

# slugs

FOUNDED_AT_MOST: Final = 25
"""Organisations that one user founds, unless a deployment says otherwise."""
SLUG_SHORTEST: Final = 3
SLUG_LONGEST: Final = 48
_RESERVED: Final = """
about account accounts activity admin administrator api app apps assets auth billing blog cdn
contact dashboard demo dev docs download email events favicon files ftp graphql health help
home imap invitations invite legal localhost login logout mail me members new news null oauth
org organization organizations orgs owner ping postmaster privacy production profile public
register robots root security settings signin signout signup smtp sso staging static status
support system team teams tenant tenantry terms test undefined user users webhook webhooks
well-known www
"""
RESERVED_SLUGS: Final = frozenset(_RESERVED.split())
_SLUG: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_FALLBACK: Final = "organization"
_LETTERS: Final = str.maketrans(
    {
        "ß": "ss",
        "æ": "ae",
        "œ": "oe",
        "ø": "o",
        "đ": "d",
        "ð": "d",
        "ł": "l",
        "þ": "th",
        "ı": "i",
        "&": " and ",
        "@": " at ",
    }
)


def checked_slug(slug: str) -> str:
    """`slug` when it may name an organisation; ValueError that says what is wrong otherwise."""
    if not SLUG_SHORTEST <= len(slug) <= SLUG_LONGEST:
        raise ValueError(f"must have {SLUG_SHORTEST} to {SLUG_LONGEST} characters")
    if not _SLUG.fullmatch(slug):
        raise ValueError("must be lower-case letters and digits, with single hyphens between")
    if slug in RESERVED_SLUGS:
        raise ValueError("is reserved")
    return slug


def slugify(name: str) -> str:
    """A slug made of `name`: accents dropped, what is not Latin left out; never a reserved one."""
    folded = unicodedata.normalize("NFKD", name.casefold().translate(_LETTERS))
    ascii_only = folded.encode("ascii", "ignore").decode().translate(_LETTERS)
    slug = _shortened("-".join(re.findall(r"[a-z0-9]+", ascii_only)), SLUG_LONGEST)
    if len(slug) < SLUG_SHORTEST or slug in RESERVED_SLUGS:
        slug = f"{slug}-{_FALLBACK}" if slug else _FALLBACK
        slug = f"{slug}-1" if slug in RESERVED_SLUGS else slug
    return slug


def slugs_of(name: str, tenant_id: str) -> tuple[str, ...]:
    """Slugs to try for `name`, best first: plain, then with ever more of the id, never random."""
    plain = slugify(name)
    digits = tenant_id.replace("-", "")
    suffixes = (digits[-4:], digits[-8:], digits)
    return (plain, *(f"{_shortened(plain, SLUG_LONGEST - 1 - len(s))}-{s}" for s in suffixes))


def _shortened(slug: str, longest: int) -> str:
    return slug[:longest].rstrip("-")


# e-mail domains

_FREE_MAIL: Final = """
aol.com fastmail.com freenet.de gmail.com gmx.at gmx.ch gmx.com gmx.de gmx.net googlemail.com
hey.com hotmail.co.uk hotmail.com hotmail.de hotmail.fr hushmail.com icloud.com inbox.com
laposte.net libero.it live.com live.de mac.com mail.com mail.ru mailbox.org me.com msn.com
naver.com orange.fr outlook.com outlook.de pm.me posteo.de proton.me protonmail.com qq.com
rediffmail.com rocketmail.com sina.com t-online.de tuta.com tutanota.com wanadoo.fr web.de
yahoo.co.in yahoo.co.jp yahoo.co.uk yahoo.com yahoo.de yahoo.fr yandex.com yandex.ru ymail.com
zoho.com 126.com 163.com
"""
FREE_MAIL: Final = frozenset(_FREE_MAIL.split())
"""Domains where anybody gets an address: they prove no organisation."""
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN: Final = re.compile(rf"(?:{_LABEL}\.)+(?!\d+$){_LABEL}")
_DOMAIN_LONGEST: Final = 200
"""Leaves room for the proof's label in front: a DNS name has 253 characters at most."""


def checked_domain(domain: str) -> str:
    """`domain` in lower-case ASCII (IDNA 2008); ValueError when it is no e-mail domain."""
    text = domain.strip().rstrip(".").lower()
    if not text.isascii():
        text = _idna(text)
    if len(text) > _DOMAIN_LONGEST or not _DOMAIN.fullmatch(text):
        raise ValueError("is not a domain such as example.com")
    return text


def _idna(domain: str) -> str:
    import idna  # large tables, and most domains are ASCII

    try:
        return idna.encode(domain, uts46=True).decode()
    except (idna.IDNAError, UnicodeError) as error:
        raise ValueError("is not a valid international domain") from error


def company_domain(domain: str) -> str:
    """`checked_domain` of one that an organisation can own; ValueError for free mail providers."""
    text = checked_domain(domain)
    if text in FREE_MAIL:
        raise ValueError("belongs to a mail provider that is open to everybody")
    return text


def domain_of(email: str) -> str | None:
    """The normalised domain of an e-mail address; None when there is none."""
    try:
        return checked_domain(email.rpartition("@")[2]) if "@" in email else None
    except ValueError:
        return None


# what is stored


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


class OrganizationSize(StrEnum):
    ONE = "SIZE_1"
    UP_TO_10 = "SIZE_2_10"
    UP_TO_50 = "SIZE_11_50"
    UP_TO_200 = "SIZE_51_200"
    UP_TO_1000 = "SIZE_201_1000"
    OVER_1000 = "SIZE_OVER_1000"


class Branding(_Stored):
    logo_key: str | None = None
    primary_color: str | None = None
    support_email: str | None = None


class Settings(_Stored):
    """`allowed_domains` bounds who may be invited, empty allows all."""

    allowed_domains: tuple[str, ...] = ()
    join_by_domain: bool = False
    branding: Branding = Branding()
    feature_flags: dict[str, bool] = {}

    def allows(self, email: str) -> bool:
        return not self.allowed_domains or domain_of(email) in self.allowed_domains


class Dues(StrEnum):
    """How an organisation stands with what it pays."""

    GOOD = "GOOD"
    TRIAL = "TRIAL"
    """It has a plan that it has not paid for yet."""
    OVERDUE = "OVERDUE"
    ENDED = "ENDED"


class Organization(_Stored):
    """A tenant; `used_...` count against the plan and move without a new `entity_version`."""

    tenant_id: str
    name: str
    slug: str
    description: str | None = None
    industry: str | None = None
    size: OrganizationSize | None = None
    status: OrganizationStatus = OrganizationStatus.ACTIVE
    suspended_for: str | None = None
    """NON_PAYMENT; None when an operator decided it."""
    plan: PlanName = PlanName.FREE
    on_trial: bool = False
    """Whether nobody has paid for the plan yet: its limits hold, its trust does not."""
    settings: Settings = Settings()
    used_users: int = 0
    """Seats: active and suspended members, and pending invitations."""
    owners: int = 0
    """Of them the active owners: nobody moves it under one."""
    used_projects: int = 0
    used_storage: int = 0
    used_api_calls: int = 0
    api_month: str | None = None
    """The month, in UTC, that `used_api_calls` is of."""
    founder_id: str
    fingerprint: str | None = None
    """Of the input it was founded with, to tell a repeated request from another one."""
    route: dict[str, str] = {}
    route_epoch: int = 1
    created_at: datetime
    updated_at: datetime
    entity_version: int = 1

    @property
    def limits(self) -> Plan:
        return PLANS[self.plan]

    @property
    def stored_calls(self) -> StoredCalls:
        limit = self.limits.max_api_calls
        return StoredCalls(self.tenant_id, self.used_api_calls, self.api_month, limit)

    @property
    def is_full(self) -> bool:
        seats = self.limits.max_users
        return seats is not None and self.used_users >= seats

    def over(self, plan: PlanName) -> list[Excess]:
        """What is used beyond the limits of `plan`."""
        limits = PLANS[plan]
        counted = (
            ("users", self.used_users, limits.max_users),
            ("projects", self.used_projects, limits.max_projects),
            ("storage", self.used_storage, limits.max_storage),
        )
        return [
            Excess(limit=name, used=used, allowed=allowed)
            for name, used, allowed in counted
            if allowed is not None and used > allowed
        ]

    def standing(self, user_id: str, role: Role, status: MemberStatus, **more: Any) -> Standing:
        """Somebody's standing in it."""
        return Standing(
            tenant_id=self.tenant_id,
            user_id=user_id,
            role=role,
            member_status=status,
            organization_status=self.status,
            plan=self.plan,
            on_trial=self.on_trial,
            route_epoch=self.route_epoch,
            route=self.route,
            organization_created_at=self.created_at,
            **more,
        )

    def changed(self, now: datetime, **fields: Any) -> Self:
        """The next version, with `fields` set."""
        return self.model_copy(
            update={**fields, "updated_at": now, "entity_version": self.entity_version + 1}
        )

    def suspended(self, now: datetime) -> Self:
        """The next version, read only by an operator's decision; itself when it is that already.

        Who is suspended for not paying may be suspended so too: then paying does not open it.
        """
        return self._moved(OrganizationStatus.SUSPENDED, now)

    def reactivated(self, now: datetime) -> Self:
        """The next version, open again; itself when it is active already."""
        return self._moved(OrganizationStatus.ACTIVE, now)

    def _moved(self, status: OrganizationStatus, now: datetime) -> Self:
        if self.status is OrganizationStatus.CANCELLED:
            raise ConflictError("The organisation has been cancelled.")
        if self.status is status and self.suspended_for is None:
            return self
        return self.changed(now, status=status, suspended_for=None)

    def paying(self, plan: PlanName, dues: "Dues", now: datetime) -> Self:
        """The next version, on `plan` and open or not as its dues say; itself when it is that.

        Paying opens only what was suspended for not paying. A cancelled one stays as it is.
        """
        fields: dict[str, Any] = {"plan": plan, "on_trial": dues is Dues.TRIAL}
        good = dues in (Dues.GOOD, Dues.TRIAL)
        owing, status = self.suspended_for == NON_PAYMENT, self.status
        if dues is Dues.ENDED:
            fields |= {"status": OrganizationStatus.CANCELLED, "suspended_for": None}
        elif dues is Dues.OVERDUE and status is OrganizationStatus.ACTIVE:
            fields |= {"status": OrganizationStatus.SUSPENDED, "suspended_for": NON_PAYMENT}
        elif good and status is OrganizationStatus.SUSPENDED and owing:
            fields |= {"status": OrganizationStatus.ACTIVE, "suspended_for": None}
        same = all(getattr(self, name) == value for name, value in fields.items())
        if same or status is OrganizationStatus.CANCELLED:
            return self
        return self.changed(now, **fields)


class Member(_Stored):
    """A user's membership of one organisation."""

    tenant_id: str
    user_id: str
    role: Role
    status: MemberStatus = MemberStatus.ACTIVE
    extra_permissions: tuple[str, ...] = ()
    name: str | None = None
    email: str | None = None
    """Copies of the profile's, so that a page of members is one query."""
    barred: bool = False
    """A copy too: whether the platform has suspended the person, whatever their tokens say."""
    joined_at: datetime
    left: bool = False
    """Whether they ended it themselves, so that leaving again is answered as it was before."""
    removed_at: datetime | None = None
    """When somebody else ended it: what was offered before does not let them in again."""
    handed_to: str | None = None
    """Whom they made the owner in their place, while both stand as that left them."""
    entity_version: int = 1

    @property
    def is_current(self) -> bool:
        """Whether they belong to the organisation, and so hold a seat."""
        return self.status in (MemberStatus.ACTIVE, MemberStatus.SUSPENDED)

    @property
    def leads(self) -> bool:
        """Whether they count as one of the owners whom an organisation cannot be without."""
        return self.role is Role.OWNER and self.status is MemberStatus.ACTIVE

    def changed(self, **fields: Any) -> Self:
        """The next version, with `fields` set."""
        return self.model_copy(update={**fields, "entity_version": self.entity_version + 1})

    def standing_in(self, organization: Organization) -> Standing:
        return organization.standing(
            self.user_id,
            self.role,
            self.status,
            extra_permissions=frozenset(self.extra_permissions),
        )


class SupportStatus(StrEnum):
    OPEN = "OPEN"
    CLOSED = "CLOSED"
    EXPIRED = "EXPIRED"


class SupportSession(_Stored):
    """A time in which an operator of the platform acts for an organisation, as an ADMIN may."""

    tenant_id: str
    session_id: str
    operator_id: str
    reason: str
    opened_at: datetime
    expires_at: datetime
    closed_at: datetime | None = None
    entity_version: int = 1

    def status(self, now: datetime) -> SupportStatus:
        """An expired session is over, whether or not anybody closed it."""
        if self.closed_at:
            return SupportStatus.CLOSED
        return SupportStatus.OPEN if now < self.expires_at else SupportStatus.EXPIRED

    def closed(self, now: datetime) -> Self:
        """The next version; one that has expired ended then."""
        ended = min(now, self.expires_at)
        return self.model_copy(
            update={"closed_at": ended, "entity_version": self.entity_version + 1}
        )

    def standing_in(self, organization: Organization) -> Standing:
        return organization.standing(
            self.operator_id, Role.ADMIN, MemberStatus.ACTIVE, support_session=self.session_id
        )


class DomainClaimStatus(StrEnum):
    PENDING = "PENDING"
    VERIFIED = "VERIFIED"
    RELEASED = "RELEASED"


class DomainClaim(_Stored):
    """An organisation's claim of an e-mail domain, proven by a DNS record that holds `token`."""

    tenant_id: str
    domain: str
    token: str
    status: DomainClaimStatus = DomainClaimStatus.PENDING
    created_at: datetime
    verified_at: datetime | None = None
    entity_version: int = 1

    @property
    def record_name(self) -> str:
        return f"_tenantry-verification.{self.domain}"

    @property
    def record_value(self) -> str:
        return f"tenantry-verification={self.token}"

    def renewed(self, token: str, now: datetime) -> Self:
        """The claim made anew after its release."""
        return self._next(
            token=token, status=DomainClaimStatus.PENDING, created_at=now, verified_at=None
        )

    def verified(self, now: datetime) -> Self:
        return self._next(status=DomainClaimStatus.VERIFIED, verified_at=now)

    def released(self) -> Self:
        return self._next(status=DomainClaimStatus.RELEASED, verified_at=None)

    def _next(self, **fields: Any) -> Self:
        return self.model_copy(update={**fields, "entity_version": self.entity_version + 1})


@dataclass(frozen=True)
class Membership:
    """A member together with the organisation."""

    member: Member
    organization: Organization

    @property
    def organization_id(self) -> str:
        return self.organization.tenant_id

    @property
    def name(self) -> str:
        return self.organization.name

    @property
    def slug(self) -> str:
        return self.organization.slug

    @property
    def role(self) -> Role:
        return self.member.role

    @property
    def status(self) -> MemberStatus:
        return self.member.status

    @property
    def plan(self) -> PlanName:
        return self.organization.plan

    @property
    def organization_status(self) -> OrganizationStatus:
        return self.organization.status

    @property
    def joined_at(self) -> datetime:
        return self.member.joined_at


@dataclass(frozen=True)
class MembershipPage:
    items: tuple[Membership, ...]
    next_cursor: str | None


@dataclass(frozen=True)
class MemberPage:
    items: tuple[Member, ...]
    next_cursor: str | None


@dataclass(frozen=True)
class SupportSessionPage:
    items: tuple[SupportSession, ...]
    next_cursor: str | None


# what comes in


_LOGO: Final = re.compile(r"orgs/([A-Za-z0-9-]{1,64})/branding/[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def _logo_key(value: str) -> str:
    if not _LOGO.fullmatch(value):
        raise ValueError("must be orgs/<organisation id>/branding/<file name>")
    return value


def _each(check: Callable[[str], str]) -> Callable[[list[str]], list[str]]:
    return lambda values: list(dict.fromkeys(check(value) for value in values))


def _hex_color(value: str) -> str:
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", value):
        raise ValueError("must be a colour such as #1a2b3c")
    return value.lower()


def checked_email(value: str) -> str:
    local, _, domain = value.strip().rpartition("@")
    if not re.fullmatch(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}", local):
        raise ValueError("is not an e-mail address")
    try:
        return f"{local}@{checked_domain(domain)}"
    except ValueError as error:
        raise ValueError("is not an e-mail address") from error


def _unique(flags: "list[FeatureFlagInput]") -> "list[FeatureFlagInput]":
    if len({flag.name for flag in flags}) != len(flags):
        raise ValueError("names a feature flag twice")
    return flags


class _CamelInput(Input):
    """Inputs speak the API's camelCase, in their faults too."""

    model_config = ConfigDict(alias_generator=to_camel, defer_build=True)


Size = Annotated[OrganizationSize, Field(strict=False)]
Version = Annotated[int, Field(ge=1)]


class CreateOrganizationInput(_CamelInput):
    name: Line
    slug: Annotated[str, AfterValidator(checked_slug)] | None = None
    description: Text | None = None
    industry: Line | None = None
    size: Size | None = None
    client_mutation_id: IdempotencyKey | None = None

    @property
    def fingerprint(self) -> str:
        """The same for the same content, whatever its idempotency key."""
        return fingerprint(self)


class UpdateOrganizationInput(_CamelInput):
    """A field left out stays; null clears it, except the name."""

    name: Line = ""
    description: Text | None = None
    industry: Line | None = None
    size: Size | None = None
    expected_version: Version | None = None


class BrandingInput(_CamelInput):
    logo_key: Annotated[str, AfterValidator(_logo_key)] | None = None
    primary_color: Annotated[str, AfterValidator(_hex_color)] | None = None
    support_email: (
        Annotated[str, StringConstraints(max_length=254), AfterValidator(checked_email)] | None
    ) = None


class FeatureFlagInput(_CamelInput):
    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9._-]{0,63}$")]
    enabled: bool


class OrganizationSettingsInput(_CamelInput):
    """A setting left out, or null, stays; of branding, each field for itself, and null clears it.

    Lists are replaced whole.
    """

    allowed_domains: Annotated[
        list[str], Field(max_length=50), AfterValidator(_each(checked_domain))
    ] = Field(default_factory=list)
    join_by_domain: bool = False
    branding: BrandingInput = BrandingInput()
    feature_flags: Annotated[
        list[FeatureFlagInput], Field(max_length=50), AfterValidator(_unique)
    ] = Field(default_factory=list)
    expected_version: Version | None = None

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return {name: value for name, value in values.items() if value is not None}

    def faults(self, tenant_id: str) -> list[Fault]:
        """What is wrong for this organisation: its logo lies among its own objects."""
        logo = self.branding.logo_key
        if logo is None or logo.startswith(f"orgs/{tenant_id}/"):
            return []
        own = f"orgs/{tenant_id}/branding/<file name>"
        return [Fault(field="branding.logoKey", message=f"must be {own}")]

    def applied_to(self, settings: Settings) -> Settings:
        """`settings` with what was given."""
        given: dict[str, Any] = {}
        for name in self.model_fields_set - {"expected_version"}:
            match name:
                case "allowed_domains":
                    given[name] = tuple(self.allowed_domains)
                case "branding":
                    chosen = self.branding.model_dump(exclude_unset=True)
                    given[name] = settings.branding.model_copy(update=chosen)
                case "feature_flags":
                    given[name] = {flag.name: flag.enabled for flag in self.feature_flags}
                case _:
                    given[name] = getattr(self, name)
        return settings.model_copy(update=given)


class DomainInput(_CamelInput):
    domain: Annotated[str, StringConstraints(max_length=253), AfterValidator(company_domain)]


Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,63}$")]


class OrganizationInput(_CamelInput):
    organization_id: Identifier


class OperatorInput(OrganizationInput):
    """What an operator decides about an organisation, and why."""

    reason: Line


class AppointInput(OperatorInput):
    """Whom an operator makes an owner, and why."""

    user_id: Identifier


class MemberInput(_CamelInput):
    """A member, and the version of them that a change is made on."""

    user_id: Identifier
    expected_version: Version | None = None


class RoleInput(MemberInput):
    role: Annotated[Role, Field(strict=False)]


def _sorted_once(names: list[str]) -> list[str]:
    return sorted(set(names))


class PermissionsInput(MemberInput):
    """The names of all that the member is to have beyond their role."""

    permissions: Annotated[
        list[Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9:._-]{0,63}$")]],
        Field(max_length=20),
        AfterValidator(_sorted_once),
    ]


class MemberFilter(_CamelInput):
    """`text` is looked for in name and e-mail, whatever its case; removed members are asked for."""

    role: Annotated[Role, Field(strict=False)] | None = None
    status: Annotated[MemberStatus, Field(strict=False)] | None = None
    text: Line | None = None

    def takes(self, member: Member) -> bool:
        if self.role not in (None, member.role):
            return False
        if not (member.is_current if self.status is None else member.status is self.status):
            return False
        wanted = _folded(self.text or "")
        return any(wanted in _folded(text or "") for text in (member.name, member.email))


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


SUPPORT_LONGEST: Final = 240
"""Minutes."""


class SupportInput(OperatorInput):
    """An organisation that an operator will act for, why, and for how many minutes at most."""

    minutes: Annotated[int, Field(ge=1, le=SUPPORT_LONGEST)]
