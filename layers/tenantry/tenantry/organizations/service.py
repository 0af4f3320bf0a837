"""Use cases on organisations: found, change, join, prove a domain, suspend."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tenantry.errors import (
    ConflictError,
    DomainNotProvenError,
    DomainTakenError,
    ForbiddenError,
    IdempotencyMismatchError,
    InvalidInputError,
    LimitExceededError,
    NoOrganizationError,
    NotFoundError,
    SlugTakenError,
)
from tenantry.messaging.event import EventData
from tenantry.messaging.stamp import Cause, Stamp
from tenantry.organizations.counters import Kind, Used, usage_of
from tenantry.organizations.events import (
    DomainClaimed,
    DomainReleased,
    DomainVerified,
    FieldChange,
    OrganizationCreated,
    OrganizationReactivated,
    OrganizationSettingsUpdated,
    OrganizationSuspended,
    OrganizationUpdated,
    changes,
)
from tenantry.organizations.model import (
    DOMAINS_MANAGE,
    FOUNDED_AT_MOST,
    ORGANIZATION_READ,
    ORGANIZATION_UPDATE,
    SETTINGS_UPDATE,
    USAGE_READ,
    CreateOrganizationInput,
    DomainClaim,
    DomainClaimStatus,
    DomainInput,
    Member,
    MembershipPage,
    OperatorInput,
    Organization,
    OrganizationSettingsInput,
    Settings,
    UpdateOrganizationInput,
    domain_of,
    slugs_of,
)
from tenantry.organizations.repository import (
    DnsResolver,
    DomainRepository,
    Operators,
    OrganizationRepository,
)
from tenantry.organizations.seats import joined
from tenantry.persistence import cursors
from tenantry.runtime.identifiers import derived_id
from tenantry.runtime.inputs import parse
from tenantry.tenancy.access import (
    ACCOUNT_SUSPENDED,
    MemberStatus,
    OrganizationStatus,
    Standing,
)
from tenantry.tenancy.caller import Caller
from tenantry.tenancy.metering import Meter, Unmetered
from tenantry.tenancy.roles import Permission, Role
from tenantry.tenancy.stored import Measurements, Metered, Unmeasured, pages_of

_DETAILS = ("name", "description", "industry", "size")
_TRIES = 3


@dataclass(frozen=True)
class OrganizationService:
    organizations: OrganizationRepository
    domains: DomainRepository
    dns: DnsResolver
    operators: Operators
    stamp: Stamp
    new_token: Callable[[], str]
    """A secret of 128 random bits or more."""
    founded_at_most: int = FOUNDED_AT_MOST
    """How many organisations a user may found, ended ones included."""
    report: Callable[[str, str], None] = lambda _what, _tenant_id: None
    """Told what an operator or administrator should hear of, and of which organisation."""
    meter: Meter = field(default_factory=Unmetered)
    measurements: Measurements = field(default_factory=Unmeasured)

    # founding

    def create(self, caller: Caller, values: dict[str, Any]) -> Organization:
        """Found an organisation, the caller its owner; emits OrganizationCreated, MemberJoined.

        With a `clientMutationId` it is done once: a repetition answers the organisation founded
        first, as it stands now and if its founder still may read it; IdempotencyMismatchError when
        the content differs. SlugTakenError for a slug that was asked for; one made of the name
        gets a suffix. LimitExceededError when the caller has founded as many as a user may,
        ForbiddenError when the platform has suspended them: they belong to nothing whose standing
        would tell.
        """
        given = parse(CreateOrganizationInput, values)
        if self.organizations.is_barred(caller.user_id):
            raise ForbiddenError(ACCOUNT_SUSPENDED)
        key = given.client_mutation_id
        tenant_id = derived_id("organization", caller.user_id, key) if key else self.stamp.new_id()
        founded, is_new = self._found(tenant_id, caller.user_id, given, caller.cause)
        if founded.fingerprint != given.fingerprint:
            raise IdempotencyMismatchError(
                "This clientMutationId was used with another content; choose a new one."
            )
        if is_new:
            return founded
        return self.read(caller.model_copy(update={"tenant_id": tenant_id}))

    def found(self, user_id: str, name: str, cause: Cause) -> str:
        """Found the organisation a user named at sign-up, once per user; answers its id."""
        given = parse(CreateOrganizationInput, {"name": name})
        founded, _ = self._found(derived_id("sign-up", user_id), user_id, given, cause)
        return founded.tenant_id

    def _found(
        self, tenant_id: str, user_id: str, given: CreateOrganizationInput, cause: Cause
    ) -> tuple[Organization, bool]:
        """The organisation at `tenant_id`, and whether it was founded just now."""
        now = self.stamp.now()
        owner = Member(tenant_id=tenant_id, user_id=user_id, role=Role.OWNER, joined_at=now)
        slugs = (given.slug,) if given.slug else slugs_of(given.name, tenant_id)
        for slug in slugs:
            organization = Organization(
                tenant_id=tenant_id,
                name=given.name,
                slug=slug,
                description=given.description or None,
                industry=given.industry,
                size=given.size,
                used_users=1,
                owners=1,
                founder_id=user_id,
                fingerprint=given.fingerprint,
                created_at=now,
                updated_at=now,
            )
            created = OrganizationCreated(
                organization_id=tenant_id,
                name=organization.name,
                slug=slug,
                plan=organization.plan,
                owner_id=user_id,
            )
            try:
                stored = self.organizations.create(
                    organization,
                    owner,
                    self.stamp.event(created, cause),
                    self.stamp.event(joined(tenant_id, user_id, Role.OWNER, "founder"), cause),
                    self.founded_at_most,
                )
            except SlugTakenError:
                continue
            return stored, stored is organization
        raise SlugTakenError("This slug is taken; choose another one.")

    # reading and changing

    def read(self, caller: Caller) -> Organization:
        organization, _ = self._authorized(caller, ORGANIZATION_READ)
        return organization

    def usage(self, caller: Caller) -> dict[Kind, Used]:
        """How much of each of the plan's limits is used, API calls as of a moment ago."""
        organization, _ = self._authorized(caller, USAGE_READ)
        return usage_of(organization, self.stamp.now())

    def storage(
        self, caller: Caller, first: int | None, after: str | None
    ) -> tuple[list[Metered], str | None]:
        """What was stored, by the day, the newest first, and the cursor of the next page."""
        organization, _ = self._authorized(caller, USAGE_READ)
        return pages_of(self.measurements, organization.tenant_id, first, after)

    def update(self, caller: Caller, values: dict[str, Any]) -> Organization:
        """Change what describes the organisation; emits OrganizationUpdated when it differs."""
        given = parse(UpdateOrganizationInput, values)
        before, cause = self._authorized(caller, ORGANIZATION_UPDATE, given.expected_version)
        fields = {name: getattr(given, name) or None for name in given.model_fields_set}
        fields.pop("expected_version", None)
        after = before.changed(self.stamp.now(), **fields)
        changed = changes(_details(before), _details(after))
        if not changed:
            return before
        self._save(
            before,
            after,
            OrganizationUpdated(organization_id=before.tenant_id, fields=changed),
            cause,
        )
        return after

    def update_settings(self, caller: Caller, values: dict[str, Any]) -> Organization:
        """Change the settings given; emits OrganizationSettingsUpdated when they differ."""
        given = parse(OrganizationSettingsInput, values)
        if faults := given.faults(caller.organization_id):
            raise InvalidInputError(faults)
        before, cause = self._authorized(caller, SETTINGS_UPDATE, given.expected_version)
        settings = given.applied_to(before.settings)
        if settings == before.settings:
            return before
        after = before.changed(self.stamp.now(), settings=settings)
        changed = _settings_changes(before.settings, settings)
        self._save(
            before,
            after,
            OrganizationSettingsUpdated(organization_id=before.tenant_id, fields=changed),
            cause,
        )
        return after

    def suspend(self, caller: Caller, organization_id: str, reason: str) -> Organization:
        """Make an organisation read only; operators only; emits OrganizationSuspended."""
        self.operators.require_active(caller)
        given = parse(OperatorInput, {"organizationId": organization_id, "reason": reason})
        before = self._existing(given.organization_id)
        data = OrganizationSuspended(organization_id=before.tenant_id, reason=given.reason)
        return self._moved(before, before.suspended(self.stamp.now()), data, caller)

    def reactivate(self, caller: Caller, organization_id: str, reason: str) -> Organization:
        """Open a suspended organisation again; operators only; emits OrganizationReactivated."""
        self.operators.require_active(caller)
        given = parse(OperatorInput, {"organizationId": organization_id, "reason": reason})
        before = self._existing(given.organization_id)
        data = OrganizationReactivated(organization_id=before.tenant_id, reason=given.reason)
        return self._moved(before, before.reactivated(self.stamp.now()), data, caller)

    # domains

    def claim_domain(self, caller: Caller, domain: str) -> DomainClaim:
        """Begin the proof of a domain; the same claim while it is open; emits DomainClaimed."""
        name = parse(DomainInput, {"domain": domain}).domain
        organization, cause = self._authorized(caller, DOMAINS_MANAGE)
        tenant_id = organization.tenant_id
        before, holder = self.domains.read(tenant_id, name)
        if holder not in (None, tenant_id):
            raise _taken()
        if before and before.status is not DomainClaimStatus.RELEASED:
            return before
        now, token = self.stamp.now(), self.new_token()
        after = (
            before.renewed(token, now)
            if before
            else DomainClaim(tenant_id=tenant_id, domain=name, token=token, created_at=now)
        )
        data = DomainClaimed(organization_id=tenant_id, domain=name)
        self.domains.claim(before, after, self.stamp.event(data, cause))
        return after

    def verify_domain(self, caller: Caller, domain: str) -> DomainClaim:
        """Look the proof up in DNS and take the domain; emits DomainVerified.

        DomainNotProvenError while the record is not there, DomainTakenError when another
        organisation was first.
        """
        before, cause = self._claim(caller, domain)
        if before.status is DomainClaimStatus.VERIFIED:
            return before
        if before.status is DomainClaimStatus.RELEASED:
            raise NotFoundError("This domain is not claimed; claim it first.")
        if before.record_value not in self.dns.texts(before.record_name):
            raise DomainNotProvenError(
                f"The TXT record {before.record_name} does not hold the expected value yet."
            )
        now = self.stamp.now()
        after = before.verified(now)
        data = DomainVerified(
            organization_id=before.tenant_id, domain=before.domain, verified_at=now
        )
        self.domains.prove(before, after, self.stamp.event(data, cause))
        return after

    def release_domain(self, caller: Caller, domain: str) -> DomainClaim:
        """Give a claim up, proven or not; emits DomainReleased."""
        before, cause = self._claim(caller, domain)
        if before.status is DomainClaimStatus.RELEASED:
            return before
        data = DomainReleased(organization_id=before.tenant_id, domain=before.domain)
        after = before.released()
        self.domains.release(before, after, self.stamp.event(data, cause))
        return after

    # for the identity context

    def join_by_domain(self, user_id: str, email: str, cause: Cause) -> str | None:
        """Make a user a member of the organisation that has proven their e-mail's domain.

        Answers its id; None when there is none, it does not want that or takes addresses of other
        domains only, is not active or is full, or the user's membership has ended. The caller has
        verified the address.
        """
        domain = domain_of(email)
        tenant_id = self.domains.holder(domain) if domain else None
        if tenant_id is None:
            return None
        for _ in range(_TRIES):
            found = self.organizations.acting(tenant_id, user_id)
            if found.member:
                return tenant_id if found.member.status is MemberStatus.ACTIVE else None
            organization = found.organization
            if (
                organization is None
                or organization.status is not OrganizationStatus.ACTIVE
                or not organization.settings.join_by_domain
                or not organization.settings.allows(email)
            ):
                return None
            member = Member(
                tenant_id=tenant_id,
                user_id=user_id,
                role=Role.MEMBER,
                joined_at=self.stamp.now(),
            )
            data = joined(tenant_id, user_id, Role.MEMBER, "domain")
            try:
                self.organizations.join(member, organization, self.stamp.event(data, cause))
            except LimitExceededError:
                self.report("a domain's member found no seat", organization.tenant_id)
                return None
            except ConflictError:
                continue
            return tenant_id
        return None

    def joinable(self, organization_id: str, email: str) -> None:
        """Return when a stranger of that address could join; NotFoundError otherwise.

        One answer for every reason: a stranger learns nothing of the organisation.
        """
        organization = self.organizations.get(organization_id)
        if (
            organization is None
            or organization.status is not OrganizationStatus.ACTIVE
            or not organization.settings.allows(email)
            or organization.is_full
        ):
            raise NotFoundError("This organisation cannot be joined with this address.")

    def standing_of(self, user_id: str, tenant_id: str) -> Standing | None:
        """The user's standing in an organisation; None when they are no member of it."""
        found = self.organizations.acting(tenant_id, user_id)
        if found.organization is None or found.member is None:
            return None
        return found.member.standing_in(found.organization)

    def memberships(self, user_id: str, first: int | None, after: str | None) -> MembershipPage:
        """The user's organisations; NoOrganizationError when there is not a single one."""
        limit = cursors.page_size(first)
        position = cursors.decode(after, "organization")["organization"] if after else None
        items, last = self.organizations.memberships(user_id, limit, position)
        if not items and not after:
            raise NoOrganizationError(
                "You do not belong to an organisation yet: create one, or accept an invitation."
            )
        return MembershipPage(
            tuple(items), cursors.encode({"organization": last}) if last else None
        )

    # inside

    def _authorized(
        self, caller: Caller, permission: Permission, expected_version: int | None = None
    ) -> tuple[Organization, Cause]:
        """The organisation, and the caller in their standing there as the cause of a change."""
        organization, standing = self.organizations.acting(
            caller.organization_id, caller.user_id, operator=caller.is_operator
        ).found(self.stamp.now(), self.meter)
        standing.require(permission)
        if expected_version not in (None, organization.entity_version):
            raise _stale()
        return organization, standing.cause(caller)

    def _existing(self, tenant_id: str) -> Organization:
        organization = self.organizations.get(tenant_id)
        if organization is None:
            raise _unknown()
        return organization

    def _claim(self, caller: Caller, domain: str) -> tuple[DomainClaim, Cause]:
        name = parse(DomainInput, {"domain": domain}).domain
        organization, cause = self._authorized(caller, DOMAINS_MANAGE)
        claim, _ = self.domains.read(organization.tenant_id, name)
        if claim is None:
            raise NotFoundError("This domain is not claimed; claim it first.")
        return claim, cause

    def _moved(
        self, before: Organization, after: Organization, data: EventData, caller: Caller
    ) -> Organization:
        if after is not before:
            self._save(before, after, data, caller.operator_cause)
        return after

    def _save(
        self, before: Organization, after: Organization, data: EventData, cause: Cause
    ) -> None:
        self.organizations.save(before, after, self.stamp.event(data, cause))


def _details(organization: Organization) -> dict[str, Any]:
    return organization.model_dump(mode="json", include=set(_DETAILS), exclude_none=True)


def _flat(settings: Settings) -> dict[str, Any]:
    values = settings.model_dump(mode="json", exclude_none=True)
    branding = values.pop("branding", {})
    return values | {f"branding.{name}": value for name, value in branding.items()}


def _settings_changes(before: Settings, after: Settings) -> dict[str, FieldChange]:
    """What differs; of the support address, which is personal data, only that it does."""
    told = changes(_flat(before), _flat(after))
    return told | {name: FieldChange() for name in told.keys() & {"branding.support_email"}}


def _stale() -> ConflictError:
    return ConflictError("The organisation has changed since; read it again.")


def _unknown() -> NotFoundError:
    return NotFoundError("There is no such organisation.")


def _taken() -> DomainTakenError:
    return DomainTakenError("Another organisation has proven that it owns this domain.")
