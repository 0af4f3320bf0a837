"""People: profiles, what they wished for at sign-up, who may come in and by which door."""

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)
from pydantic.alias_generators import to_camel

from tenantry.errors import Fault, ForbiddenError, UnauthenticatedError
from tenantry.runtime.inputs import Input, Line
from tenantry.tenancy.access import MemberStatus, OrganizationStatus
from tenantry.tenancy.roles import GROUP_OF_ROLE, OPERATOR_GROUP, Role

DEFAULT_LOCALE: Final = "en"
DEFAULT_TIME_ZONE: Final = "UTC"
WISHES_KEPT: Final = timedelta(days=30)
INVITATION: Final = "invitation_token"
"""The client metadata that carries the token of an invitation; it is looked at, never kept."""
MIGRATION_KEPT: Final = timedelta(days=30)
SAME_SIGN_IN: Final = timedelta(seconds=10)
"""Cognito may call a trigger again and names no request: sign-ins this close count as one."""

REFUSAL_TOLD_AGAIN: Final = timedelta(hours=1)
"""Anybody who knows the address can try to sign in: more often than that, nobody is told."""
REFUSED: Final = "Incorrect username or password"
"""Cognito's own words for a wrong password; it adds the full stop to what a trigger raises."""

_LOCALE = re.compile(r"([A-Za-z]{2,3})(?:[-_]([A-Za-z]{4}))?(?:[-_]([A-Za-z]{2}|[0-9]{3}))?")
_TIME_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,2}")
_NOT_ZONES = frozenset({"localtime", "posixrules", "Factory"})
_AVATAR = re.compile(r"users/([A-Za-z0-9-]{1,64})/avatars/[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def normalized_email(value: str) -> str:
    """An address in the form it is compared and kept in: lower case, its domain in ASCII."""
    local, _, domain = value.strip().lower().rpartition("@")
    if not domain.isascii():
        import idna  # large tables, and most domains are ASCII

        try:
            domain = idna.encode(domain, uts46=True).decode()
        except (idna.IDNAError, UnicodeError) as error:
            raise ValueError("is not a valid e-mail address") from error
    return f"{local}@{domain}"


def usable_email(value: object) -> str | None:
    """A normalised address, or None for what others gave us as one and is none."""
    try:
        address = normalized_email(value) if isinstance(value, str) else ""
    except ValueError:
        return None
    local, _, domain = address.rpartition("@")
    return address if local and domain else None


def checked_locale(value: str) -> str:
    """A BCP 47 tag of language, script and region, in its usual case; ValueError otherwise."""
    found = _LOCALE.fullmatch(value.strip())
    if not found:
        raise ValueError("must be a language tag such as en, de or pt-BR")
    language, script, region = found.groups()
    parts = (language.lower(), script and script.title(), region and region.upper())
    return "-".join(part for part in parts if part)


def usable_locale(value: object) -> str | None:
    """A language tag, also of POSIX's form (`de_DE.UTF-8`, `de_DE@euro`); None for what is none."""
    try:
        return checked_locale(re.split("[.@]", value)[0]) if isinstance(value, str) else None
    except ValueError:
        return None


def usable_name(value: object) -> str | None:
    """A person's name as others know it; None when it cannot be one here."""
    try:
        return Wishes.model_validate({"name": value}).name
    except ValueError:
        return None


def checked_time_zone(value: str) -> str:
    """The name of a time zone of the IANA database; ValueError otherwise."""
    import zoneinfo  # only for those who change it

    try:
        if not _TIME_ZONE.fullmatch(value) or value in _NOT_ZONES:
            raise ValueError
        return zoneinfo.ZoneInfo(value).key
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError) as error:
        raise ValueError("must be an IANA time zone such as Europe/Berlin") from error


# profiles


class UserStatus(StrEnum):
    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"


class Profile(BaseModel):
    """A person: `user_id` is the sub of the user pool, `user_name` the pool's own name of it."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    user_id: str
    user_name: str
    email: str
    email_proven: bool = True
    """Whether the user pool vouches for it. It is always stored: who reads the item and finds
    nothing takes it for unproven."""
    name: str | None = None
    locale: str = DEFAULT_LOCALE
    time_zone: str = DEFAULT_TIME_ZONE
    avatar_key: str | None = None
    status: UserStatus = UserStatus.ACTIVE
    active_organization_id: str | None = None
    created_at: datetime
    updated_at: datetime
    last_login_at: datetime | None = None
    refused_at: datetime | None = None
    """When it was last told that the person, suspended, tried to sign in."""
    entity_version: int = 1

    def changed(self, **fields: Any) -> Self:
        """The next version, with `fields` set."""
        return self.model_copy(update={**fields, "entity_version": self.entity_version + 1})

    @property
    def is_suspended(self) -> bool:
        return self.status is UserStatus.SUSPENDED

    def require_active(self) -> None:
        """Return unless suspended; the refusal says no more than a wrong password would."""
        if self.status is UserStatus.SUSPENDED:
            raise UnauthenticatedError(REFUSED)

    def signed_in_just_before(self, now: datetime) -> bool:
        return self.last_login_at is not None and now - self.last_login_at < SAME_SIGN_IN


@dataclass(frozen=True)
class Arrival:
    """Who stands at the door, as Cognito vouches for them. Attributes never carry authority."""

    user_id: str
    user_name: str
    email: str | None
    """None for users whom the pool made without an address, or with one that is none."""
    email_verified: bool
    name: str | None = None
    locale: str | None = None

    @classmethod
    def of(cls, user_name: str, attributes: Mapping[str, str]) -> Self:
        """The person of a trigger's event; what they wrote into attributes may be anything."""
        return cls(
            user_id=attributes.get("sub") or user_name,
            user_name=user_name,
            email=usable_email(attributes.get("email")),
            email_verified=attributes.get("email_verified") == "true",
            name=usable_name(attributes.get("name")),
            locale=usable_locale(attributes.get("locale")),
        )

    @property
    def proven_email(self) -> str | None:
        """The address, when the pool vouches for it."""
        return self.email if self.email_verified else None

    @property
    def is_local(self) -> bool:
        """Whether the pool itself made the user, not an identity provider."""
        return self.user_name == self.user_id


@dataclass(frozen=True)
class Membership:
    """A person's part in an organisation, as the API shows it."""

    organization_id: str
    name: str
    slug: str
    role: Role
    status: MemberStatus
    plan: str
    organization_status: OrganizationStatus
    joined_at: datetime


@dataclass(frozen=True)
class Person:
    """A profile, and the organisation that new tokens of it name."""

    profile: Profile
    active: Membership | None


@dataclass(frozen=True)
class Grant:
    """What a token says of the organisation it is for; every request checks it again."""

    organization_id: str
    role: Role
    plan: str

    @property
    def claims(self) -> dict[str, str]:
        return {"org_id": self.organization_id, "role": self.role.value, "plan": str(self.plan)}


def groups_of(grant: Grant | None, pool_groups: Container[str]) -> list[str]:
    """The groups of a token: computed, but for the operators', which the pool alone gives."""
    computed = [GROUP_OF_ROLE[grant.role]] if grant else []
    return [*computed, *([OPERATOR_GROUP] if OPERATOR_GROUP in pool_groups else [])]


# coming in


class Wishes(Input):
    """What a sign-up's client metadata asks for; metadata of other kinds is not ours to judge.

    `organization_id` is whom a front end expects them to join. Nobody joins by it, as anybody can
    write it: it is looked at before there is an account, so that a sign-up for an organisation that
    could not take them is refused then. What lets them in is an invitation or their proven domain.
    """

    model_config = ConfigDict(extra="ignore", defer_build=True)

    organization_name: Line | None = None
    organization_id: (
        Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,63}$")] | None
    ) = None
    locale: Annotated[str, AfterValidator(checked_locale)] | None = None
    name: Line | None = None

    @property
    def given(self) -> dict[str, str]:
        """The wishes there are, by name."""
        return self.model_dump(exclude_none=True)


class InvitationClaim(BaseModel):
    """What is kept of an invitation's token until the sign-up is confirmed: never the token."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    kind: str
    organization_id: str
    invitation_id: str
    token_hash: str
    mailed: bool
    """Whether it came by mail to the very address that signs up, and so proves the mailbox."""


@dataclass(frozen=True)
class SignUpRules:
    """Which addresses come in. Domains are lower case; `allowed` empty allows all."""

    self_sign_up: bool = True
    allowed: frozenset[str] = frozenset()
    denied: frozenset[str] = frozenset()
    disposable: Container[str] = field(default=frozenset(), repr=False)

    def require_open(self) -> None:
        if not self.self_sign_up:
            raise ForbiddenError("Signing up is by invitation only")

    def faults(self, email: str, *, invited: bool = False) -> list[Fault]:
        """What is wrong with a normalised address; a domain allowed by name may be disposable.

        Who is `invited` by mail needs no domain that is allowed; one that is denied stays so: what
        the platform bars, no organisation opens.
        """
        domain = email.rpartition("@")[2]
        if _covers(self.denied, domain):
            return [_email_fault("addresses of this domain are not accepted")]
        if domain in self.allowed:
            return []
        if self.allowed and not invited:
            return [_email_fault("addresses of this domain are not accepted")]
        if _covers(self.disposable, domain):
            return [_email_fault("disposable addresses are not accepted")]
        return []


@dataclass(frozen=True)
class FederatedIdentity:
    """A person at an identity provider; `provider` is its name in the user pool."""

    provider: str
    subject: str


def federated_identity(user_name: str, providers: Container[str]) -> FederatedIdentity | None:
    """Whose `user_name` (`<provider>_<subject>`) it is; None unless the provider is listed.

    `providers` are exact names. A pool that ignores case lower-cases the provider in user names:
    https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-identity-federation-consolidate-users.html
    """
    prefix, separator, subject = user_name.partition("_")
    names = providers if isinstance(providers, frozenset) else frozenset()
    for name in sorted(names):
        if separator and subject and name.lower() == prefix.lower():
            return FederatedIdentity(name, subject)
    return None


@dataclass(frozen=True)
class PoolUser:
    """A user of the pool who owns an address: `status` is Cognito's UserStatus."""

    user_name: str
    status: str
    enabled: bool
    email_verified: bool

    @property
    def proven(self) -> bool:
        """Whether who signs in here has shown that the address is theirs."""
        return self.enabled and self.status == "CONFIRMED" and self.email_verified


class LegacyUser(BaseModel):
    """A person of the older system, as a directory tells of them.

    Their data is older than our rules: a name or locale that breaks them is left out, as refusing
    the person for it would lock them out.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    email: Annotated[str, StringConstraints(max_length=254), AfterValidator(normalized_email)]
    name: Annotated[str | None, BeforeValidator(usable_name)] = None
    locale: Annotated[str | None, BeforeValidator(usable_locale)] = None

    @property
    def attributes(self) -> dict[str, str]:
        """The user pool's attributes of them; the older system has proven their address."""
        return {"email_verified": "true", **self.model_dump(exclude_none=True)}


# inputs


class UpdateProfileInput(Input):
    """A field left out stays; null clears name and avatar and sets the others to their default."""

    model_config = ConfigDict(alias_generator=to_camel, defer_build=True)

    name: Line | None = None
    locale: Annotated[str, AfterValidator(checked_locale)] | None = None
    time_zone: Annotated[str, AfterValidator(checked_time_zone)] | None = None
    avatar_key: Annotated[str, StringConstraints(max_length=250)] | None = None
    expected_version: Annotated[int, Field(ge=1)] | None = None

    @property
    def fields(self) -> dict[str, str | None]:
        defaults = {"locale": DEFAULT_LOCALE, "time_zone": DEFAULT_TIME_ZONE}
        return {
            name: getattr(self, name) or defaults.get(name)
            for name in sorted(self.model_fields_set - {"expected_version"})
        }

    def faults(self, user_id: str) -> list[Fault]:
        """What is wrong for this person: an avatar lies among their own objects."""
        if self.avatar_key is None:
            return []
        found = _AVATAR.fullmatch(self.avatar_key)
        if found and found.group(1) == user_id:
            return []
        return [Fault(field="avatarKey", message="must be users/<your id>/avatars/<file name>")]


class OperatorInput(Input):
    """What an operator decides about a person, and why."""

    model_config = ConfigDict(alias_generator=to_camel, defer_build=True)

    user_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,63}$")]
    reason: Line


def _covers(domains: Container[str], domain: str) -> bool:
    """Whether the domain, or one that it lies under, is among `domains`."""
    labels = domain.split(".")
    return any(".".join(labels[start:]) in domains for start in range(len(labels)))


def _email_fault(message: str) -> Fault:
    return Fault(field="email", message=message)
