"""Use cases on people: come in, sign in, be shown, change, be suspended."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tenantry.errors import (
    ConflictError,
    Fault,
    ForbiddenError,
    InvalidInputError,
    NoOrganizationError,
    NotAMemberError,
    NotFoundError,
    UnavailableError,
)
from tenantry.identity.events import (
    ActiveOrganizationSwitched,
    ProfileUpdated,
    SignInRefused,
    UserMigrated,
    UserReactivated,
    UserRegistered,
    UserSignedIn,
    UserSuspended,
)
from tenantry.identity.model import (
    DEFAULT_LOCALE,
    INVITATION,
    MIGRATION_KEPT,
    REFUSAL_TOLD_AGAIN,
    WISHES_KEPT,
    Arrival,
    Grant,
    LegacyUser,
    Membership,
    OperatorInput,
    Person,
    Profile,
    SignUpRules,
    UpdateProfileInput,
    UserStatus,
    Wishes,
    federated_identity,
    usable_email,
)
from tenantry.identity.repository import (
    Homes,
    Invitations,
    Kept,
    LegacyDirectory,
    MembershipPage,
    Organizations,
    ProfileRepository,
    SignUpRepository,
    UserDirectory,
)
from tenantry.messaging.event import EventData
from tenantry.messaging.stamp import Cause, Stamp
from tenantry.runtime.identifiers import derived_id
from tenantry.runtime.inputs import parse
from tenantry.tenancy.access import ACCOUNT_SUSPENDED, MemberStatus, OrganizationStatus
from tenantry.tenancy.caller import Caller
from tenantry.tenancy.roles import Role

_TRIES = 4
MOST_HOMES = 25
"""Organisations that are told of a refused sign-in of one of their people."""


@dataclass(frozen=True)
class SignUpService:
    """Decides who may sign up. A code by mail confirms them, or the mail of an invitation did."""

    rules: SignUpRules
    providers: frozenset[str]
    """Names of the identity providers whose verified addresses are believed."""
    check_address: Callable[[str], str]
    sign_ups: SignUpRepository
    organizations: Organizations
    invitations: Invitations
    directory: UserDirectory
    now: Callable[[], datetime]

    def sign_up(self, user_name: str, email: str, metadata: Mapping[str, str]) -> bool:
        """Return when a person may sign up, their wishes kept by the pool's name for them.

        By the name, never the address: who signs up again with somebody's address gets another.
        Answers whether the address is proven by the token of a mail that went to it. Who has one
        needs neither self-sign-up nor a domain that is allowed: the organisation asked them in. A
        link is for whoever has it, so it opens neither and proves nothing.
        """
        token = metadata.get(INVITATION)
        if token is None:
            self.rules.require_open()
            self._let_in(user_name, email, metadata)
            return False
        claim, faults = None, []
        try:
            claim = self.invitations.claim(token, self.check_address(email))
        except InvalidInputError as error:
            faults += [fault for fault in error.faults if fault["field"] == INVITATION]
        invited = claim is not None and claim.mailed
        if not invited:
            self.rules.require_open()
        _, wishes = self._checked(email, metadata, faults, invited=invited)
        self.sign_ups.keep(user_name, wishes, self.now() + WISHES_KEPT, claim)
        return invited

    def admit(self, user_name: str, email: str, metadata: Mapping[str, str]) -> None:
        """As `sign_up`, for people whom an administrator, or the migration, brings in.

        Who comes over from the older system is a user already: no rule of the door is for them.
        And a stranger can ask for their recovery, with metadata of the stranger's choice: it is
        not theirs, and refusing it would tell who has an account there.
        """
        address = usable_email(email)
        if not address or not self.sign_ups.comes_over(address, self.now()):
            self._let_in(user_name, email, metadata)

    def _let_in(self, user_name: str, email: str, metadata: Mapping[str, str]) -> None:
        address, wishes = self._checked(email, metadata)
        if wishes.organization_id:
            self.organizations.joinable(wishes.organization_id, address)
        if wishes.given:
            self.sign_ups.keep(user_name, wishes, self.now() + WISHES_KEPT)

    def admit_federated(self, pool_id: str, user_name: str, attributes: Mapping[str, str]) -> None:
        """Return for a new person of a trusted provider; always raises where a user exists.

        One who owns the address, proven, is linked, and ConflictError asks to sign in once more:
        Cognito has no user of the provider's name then. Any other is left alone.
        """
        identity = federated_identity(user_name, self.providers)
        if identity is None:
            raise ForbiddenError("Signing in by this identity provider is not open")
        if attributes.get("email_verified") != "true":
            raise ForbiddenError("The identity provider does not vouch for your e-mail address")
        address, _ = self._checked(attributes.get("email", ""), {})
        existing = self.directory.find(pool_id, address)
        if existing is None:
            self.rules.require_open()
            return
        if not existing.proven:
            raise ForbiddenError(
                "There is an account with this e-mail address that cannot be linked; "
                "sign in to it with its password"
            )
        self.directory.link(pool_id, identity, existing.user_name)
        raise ConflictError("Your account is linked now; sign in once more")

    def _checked(
        self,
        email: str,
        metadata: Mapping[str, str],
        known: Sequence[Fault] = (),
        *,
        invited: bool = False,
    ) -> tuple[str, Wishes]:
        """The normalised address and the wishes; InvalidInputError with the faults of both."""
        faults, address, wishes = [*known], "", Wishes()
        try:
            address = self.check_address(email)
            faults += self.rules.faults(address, invited=invited)
        except InvalidInputError as error:
            faults += error.faults
        try:
            wishes = parse(Wishes, metadata)
        except InvalidInputError as error:
            faults += error.faults
        if wishes.organization_name and wishes.organization_id:
            fault = "cannot be given together with organization_name"
            faults.append({"field": "organization_id", "message": fault})
        if INVITATION in metadata:
            faults += [
                {"field": name, "message": f"cannot be given together with {INVITATION}"}
                for name in ("organization_name", "organization_id")
                if getattr(wishes, name)
            ]
        if faults:
            raise InvalidInputError(faults)
        return address, wishes


@dataclass(frozen=True)
class MigrationService:
    """Brings people of an older system over. UnavailableError when it does not answer."""

    directory: LegacyDirectory
    sign_ups: SignUpRepository
    now: Callable[[], datetime]

    def sign_in(self, email: str, password: str) -> LegacyUser | None:
        """The person of address and password; None for any other, whatever is wrong."""
        address = usable_email(email)
        return self._migrated(self.directory.sign_in(address, password)) if address else None

    def recover(self, email: str) -> LegacyUser | None:
        """The person of an address, who has forgotten the password; None when unknown."""
        address = usable_email(email)
        return self._migrated(self.directory.find(address)) if address else None

    def _migrated(self, user: LegacyUser | None) -> LegacyUser | None:
        if user:
            self.sign_ups.mark_migrated(user.email, self.now() + MIGRATION_KEPT)
        return user


@dataclass(frozen=True)
class Gate:
    """Keeps suspended people out before Cognito looks at their password."""

    profiles: ProfileRepository
    homes: Homes
    stamp: Stamp

    def pass_through(self, user_id: str) -> None:
        """Return unless the person is suspended; who has no profile yet is nobody's business.

        A refusal emits SignInRefused, at most once an hour; it stands, told or not.
        """
        profile = self.profiles.get(user_id)
        if profile and profile.status is UserStatus.SUSPENDED:
            self._tell(profile)
        if profile:
            profile.require_active()

    def _tell(self, profile: Profile) -> None:
        now = self.stamp.now()
        if profile.refused_at and now - profile.refused_at < REFUSAL_TOLD_AGAIN:
            return
        try:
            told = SignInRefused(
                user_id=profile.user_id,
                reason="suspended",
                organization_ids=self.homes.of(profile.user_id, MOST_HOMES),
            )
            # Whoever tried knows the address, and may be anybody: the actor is who refused.
            event = self.stamp.event(told, Cause())
            self.profiles.save(profile, profile.changed(refused_at=now), (event,))
        except (ConflictError, UnavailableError):
            return  # another attempt was told just now, or nobody can be


@dataclass(frozen=True)
class OperatorStanding:
    """Whether an operator still is one: a token outlives the suspension of whom it was made for."""

    profiles: ProfileRepository

    def require_active(self, caller: Caller) -> None:
        """Return for an operator whose own account is active; ForbiddenError otherwise."""
        caller.require_operator()
        profile = self.profiles.get(caller.user_id)
        if profile is None or profile.status is not UserStatus.ACTIVE:
            raise ForbiddenError(ACCOUNT_SUSPENDED)


@dataclass(frozen=True)
class Cards:
    """What other contexts show of a person to those they work with: name, e-mail, as of when."""

    profiles: ProfileRepository

    def card(self, user_id: str) -> Profile | None:
        """The profile as it stands, strongly consistent."""
        return self.profiles.get(user_id)


@dataclass(frozen=True)
class ArrivalService:
    """Makes profiles, notes sign-ins and says what tokens carry. Cognito may ask again."""

    profiles: ProfileRepository
    sign_ups: SignUpRepository
    organizations: Organizations
    invitations: Invitations
    stamp: Stamp

    def ensure_profile(self, arrival: Arrival, cause: Cause) -> Profile:
        """The person's profile, made when there is none; emits UserRegistered, UserMigrated.

        ForbiddenError for a new person without an e-mail address, which every profile has.
        The organisation comes first and the profile last, so a profile says that all is done: it
        costs later sign-ins one read, and whoever stopped half-way is taken up again.
        """
        return self.profiles.get(arrival.user_id) or self._registered(arrival, cause)

    def _registered(self, arrival: Arrival, cause: Cause) -> Profile:
        if arrival.email is None:
            raise ForbiddenError("Your account has no e-mail address; ask who made it for one")
        now = self.stamp.now()
        name = arrival.user_name if arrival.is_local else None
        kept = self.sign_ups.kept(name, arrival.email, now)
        organization_id = self._organization(arrival, kept, cause)
        profile = Profile(
            user_id=arrival.user_id,
            user_name=arrival.user_name,
            email=arrival.email,
            email_proven=arrival.email_verified,
            name=kept.wishes.name or arrival.name,
            locale=kept.wishes.locale or arrival.locale or DEFAULT_LOCALE,
            active_organization_id=organization_id,
            created_at=now,
            updated_at=now,
        )
        happened: list[EventData] = [
            UserRegistered(
                user_id=profile.user_id, locale=profile.locale, organization_id=organization_id
            )
        ]
        if kept.migrated:
            happened.append(UserMigrated(user_id=profile.user_id))
        # Ids of this call's own: by derived ones, another call's profile would pass for this one.
        return self.profiles.create(
            profile, tuple(self.stamp.event(data, cause) for data in happened)
        )

    def _organization(self, arrival: Arrival, kept: Kept, cause: Cause) -> str | None:
        if kept.claim and (email := arrival.proven_email):
            name = kept.wishes.name or arrival.name
            joined = self.invitations.join(kept.claim, arrival.user_id, email, name, cause)
            if joined:
                return joined
        if kept.wishes.organization_name:
            return self.organizations.found(arrival.user_id, kept.wishes.organization_name, cause)
        if email := arrival.proven_email:
            return self.organizations.join_by_domain(arrival.user_id, email, cause)
        return None

    def signed_in(self, arrival: Arrival, cause: Cause) -> None:
        """Note a sign-in; emits UserSignedIn, once for calls within seconds of each other.

        With an address that the pool has proven since, the profile takes that; emits
        ProfileUpdated too.
        """
        profile: Profile | None = self.ensure_profile(arrival, cause)
        for _ in range(_TRIES):
            now = self.stamp.now()
            if profile is None or profile.signed_in_just_before(now):
                return
            after = profile.changed(last_login_at=now)
            happened: list[EventData] = [UserSignedIn(user_id=profile.user_id)]
            if email := _newer_email(profile, arrival):
                proven = {"email": email, "email_proven": True, "updated_at": now}
                after = after.model_copy(update=proven)
                happened.append(ProfileUpdated(user_id=profile.user_id, fields=("email",)))
            try:
                self._save(profile, after, happened, cause)
            except ConflictError:
                profile = self.profiles.get(profile.user_id)
            else:
                return
        raise _busy()

    def grant(self, arrival: Arrival, cause: Cause) -> Grant | None:
        """What the person's token says: their active organisation, else another one, else none.

        UnauthenticatedError for a suspended person. What is found here is not kept: the membership
        may be open again tomorrow. An address that the pool has proven since is: a token may be
        renewed for weeks without a sign-in.
        """
        profile = self.ensure_profile(arrival, cause)
        profile.require_active()
        if email := _newer_email(profile, arrival):
            after = profile.changed(email=email, email_proven=True, updated_at=self.stamp.now())
            told = ProfileUpdated(user_id=profile.user_id, fields=("email",))
            with suppress(ConflictError, UnavailableError):  # the next token brings it
                self._save(profile, after, [told], cause)
        return self._active(profile) or self._another(profile.user_id)

    def _save(
        self, before: Profile, after: Profile, happened: Sequence[EventData], cause: Cause
    ) -> None:
        """Cognito's repetitions make the same ids of the same version, so they count once."""
        version = str(after.entity_version)
        events = tuple(
            self.stamp.event(data, cause, derived_id(data.type, after.user_id, version))
            for data in happened
        )
        self.profiles.save(before, after, events)

    def _active(self, profile: Profile) -> Grant | None:
        if profile.active_organization_id is None:
            return None
        standing = self.organizations.standing_of(profile.user_id, profile.active_organization_id)
        if standing is None or not _usable(
            standing.member_status, standing.organization_status, standing.role
        ):
            return None
        return Grant(standing.tenant_id, standing.role, standing.plan)

    def _another(self, user_id: str) -> Grant | None:
        after: str | None = None
        while True:
            try:
                page = self.organizations.memberships(user_id, None, after)
            except NoOrganizationError:
                return None
            for found in page.items:
                if _usable(found.status, found.organization_status, found.role):
                    return Grant(found.organization_id, found.role, found.plan)
            after = page.next_cursor
            if after is None:
                return None


@dataclass(frozen=True)
class ProfileService:
    """What people see and change of themselves, and operators of people."""

    profiles: ProfileRepository
    organizations: Organizations
    directory: UserDirectory
    stamp: Stamp

    def me(self, caller: Caller) -> Person:
        """The caller; one round trip, a second one after a switch that the token is older than."""
        found = self.profiles.overview(caller.user_id, caller.tenant_id)
        profile = _own(found.profile)
        return Person(profile, self._active(profile, caller.tenant_id, found.membership))

    def update(self, caller: Caller, values: Mapping[str, Any]) -> Person:
        """Change what is given; emits ProfileUpdated when it differs."""
        given = parse(UpdateProfileInput, values)
        faults = given.faults(caller.user_id)
        if faults:
            raise InvalidInputError(faults)
        person = self.me(caller)
        if given.expected_version not in (None, person.profile.entity_version):
            raise _stale()

        def change(profile: Profile) -> tuple[Profile, EventData] | None:
            now = self.stamp.now()
            if given.expected_version not in (None, profile.entity_version):
                raise _stale()
            fields = {n: v for n, v in given.fields.items() if getattr(profile, n) != v}
            if not fields:
                return None
            data = ProfileUpdated(user_id=profile.user_id, fields=tuple(fields))
            return profile.changed(**fields, updated_at=now), data

        return Person(self._changed(person.profile, change, caller.cause), person.active)

    def memberships(self, caller: Caller, first: int | None, after: str | None) -> MembershipPage:
        """The caller's organisations; NoOrganizationError when there is none."""
        return self.organizations.memberships(caller.user_id, first, after)

    def switch(self, caller: Caller, organization_id: str) -> Membership:
        """Make an organisation the one that new tokens name; emits ActiveOrganizationSwitched.

        NotAMemberError unless the caller is an active member of it.
        """
        found = self.profiles.overview(caller.user_id, organization_id)
        own, membership = _own(found.profile), found.membership
        if membership is None or membership.status is not MemberStatus.ACTIVE:
            raise NotAMemberError("You are not a member of this organisation.")

        def change(profile: Profile) -> tuple[Profile, EventData] | None:
            previous = profile.active_organization_id
            if previous == organization_id:
                return None
            data = ActiveOrganizationSwitched(
                user_id=profile.user_id,
                organization_id=organization_id,
                previous_organization_id=previous,
            )
            now = self.stamp.now()
            return profile.changed(active_organization_id=organization_id, updated_at=now), data

        self._changed(own, change, caller.cause)
        return membership

    def suspend(self, caller: Caller, pool_id: str, user_id: str, reason: str) -> Profile:
        """Keep a person out and end their sessions; operators only; emits UserSuspended.

        Access tokens that are out live on until they expire.
        """
        given = self._decision(caller, user_id, reason)
        data = UserSuspended(user_id=given.user_id, reason=given.reason)
        profile = self._moved(UserStatus.SUSPENDED, data, caller)
        self.directory.sign_out(pool_id, profile.user_name)
        return profile

    def reactivate(self, caller: Caller, user_id: str, reason: str) -> Profile:
        """Let a suspended person in again; operators only; emits UserReactivated."""
        given = self._decision(caller, user_id, reason)
        data = UserReactivated(user_id=given.user_id, reason=given.reason)
        return self._moved(UserStatus.ACTIVE, data, caller)

    # inside

    def _active(
        self, profile: Profile, read_id: str | None, read: Membership | None
    ) -> Membership | None:
        wanted = profile.active_organization_id or read_id
        if wanted != read_id:
            read = self.profiles.overview(profile.user_id, wanted).membership
        return read if read and read.status is MemberStatus.ACTIVE else None

    def _decision(self, caller: Caller, user_id: str, reason: str) -> OperatorInput:
        """What an operator in good standing decides about somebody else."""
        OperatorStanding(self.profiles).require_active(caller)
        given = parse(OperatorInput, {"userId": user_id, "reason": reason})
        if given.user_id == caller.user_id:
            raise ConflictError("You cannot decide about yourself; ask another operator.")
        return given

    def _moved(
        self, status: UserStatus, data: UserSuspended | UserReactivated, caller: Caller
    ) -> Profile:
        profile = self.profiles.get(data.user_id)
        if profile is None:
            raise NotFoundError("There is no such user.")

        def change(profile: Profile) -> tuple[Profile, EventData] | None:
            if profile.status is status:
                return None
            return profile.changed(status=status, updated_at=self.stamp.now()), data

        return self._changed(profile, change, caller.operator_cause)

    def _changed(
        self,
        profile: Profile,
        change: Callable[[Profile], tuple[Profile, EventData] | None],
        cause: Cause,
    ) -> Profile:
        """Save what `change` makes of the profile, of the newest one when another was first."""
        for _ in range(_TRIES):
            outcome = change(profile)
            if outcome is None:
                return profile
            after, data = outcome
            try:
                self.profiles.save(profile, after, (self.stamp.event(data, cause),))
            except ConflictError:
                newest = self.profiles.get(profile.user_id)
                if newest is None:
                    raise
                profile = newest
            else:
                return after
        raise _busy()


def _newer_email(profile: Profile, arrival: Arrival) -> str | None:
    """The address that the pool vouches for, when the profile has another one, or an unproven."""
    proven = arrival.proven_email
    return proven if proven != profile.email or not profile.email_proven else None


def _usable(member: MemberStatus, organization: OrganizationStatus, role: Role) -> bool:
    """Whether a token may name it: a cancelled organisation is its owners' to read."""
    cancelled = organization is OrganizationStatus.CANCELLED
    return member is MemberStatus.ACTIVE and (not cancelled or role is Role.OWNER)


def _own(profile: Profile | None) -> Profile:
    if profile is None:
        raise NotFoundError("You have no profile yet: sign out, and sign in again.")
    if profile.status is UserStatus.SUSPENDED:
        raise ForbiddenError(ACCOUNT_SUSPENDED)
    return profile


def _stale() -> ConflictError:
    return ConflictError("The profile has changed since; read it again.")


def _busy() -> ConflictError:
    return ConflictError("The profile is being changed by others; try again.")
