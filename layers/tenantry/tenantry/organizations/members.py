"""Use cases on members: list them, change their rights, suspend, remove, leave, hand over."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from tenantry.errors import (
    ConflictError,
    Fault,
    ForbiddenError,
    InvalidInputError,
    LastOwnerError,
    NotFoundError,
)
from tenantry.messaging.event import Envelope, EventData
from tenantry.messaging.stamp import Cause, Stamp
from tenantry.organizations.events import (
    End,
    MemberPermissionsChanged,
    MemberReactivated,
    MemberRemoved,
    MemberRoleChanged,
    MemberSuspended,
    OwnerAppointed,
    OwnershipTransferred,
)
from tenantry.organizations.model import (
    MEMBERS_LEAVE,
    MEMBERS_PERMISSIONS,
    MEMBERS_READ,
    MEMBERS_REMOVE,
    MEMBERS_ROLES,
    MEMBERS_SUSPEND,
    OWNERSHIP_TRANSFER,
    AppointInput,
    Member,
    MemberFilter,
    MemberInput,
    MemberPage,
    PermissionsInput,
    RoleInput,
)
from tenantry.organizations.repository import (
    Acting,
    MemberChange,
    MemberRepository,
    Operators,
    OrganizationRepository,
    Profiles,
)
from tenantry.persistence import cursors, filtered
from tenantry.runtime.inputs import parse
from tenantry.tenancy.access import MemberStatus, OrganizationStatus, Standing
from tenantry.tenancy.caller import Caller
from tenantry.tenancy.metering import Meter, Unmetered
from tenantry.tenancy.roles import Permission, Role, givers_of

SHOWN: Final = frozenset({"name", "email"})
"""What members' copies hold of a profile."""


@dataclass(frozen=True)
class MemberService:
    """Whoever changes a member holds at least the member's role, and all that they give.

    So only an owner touches an owner, and nobody raises themselves. What a member may beyond their
    role ends with the role: who steps down keeps nothing of it, and nothing that it let them take.
    """

    organizations: OrganizationRepository
    members: MemberRepository
    catalogue: Callable[[], Mapping[str, Permission]]
    """Every permission of the product, by name."""
    operators: Operators
    stamp: Stamp
    meter: Meter = field(default_factory=Unmetered)

    def page(
        self, caller: Caller, first: int | None, after: str | None, chosen: dict[str, Any] | None
    ) -> MemberPage:
        """The members of the organisation; those who were removed only when asked for.

        A page looks at `filtered.LOOKED_AT` members at most.
        """
        limit = cursors.page_size(first)
        given = parse(MemberFilter, chosen)
        position = cursors.decode(after, "member")["member"] if after else None
        standing = self._standing(caller, MEMBERS_READ)
        found, last = filtered.page(
            partial(self.members.page, standing.tenant_id),
            lambda member: member.user_id,
            given.takes,
            limit,
            position,
            # Without a filter a page is one query of just what it takes.
            at_once=filtered.AT_ONCE if given.model_fields_set else limit + 1,
        )
        return MemberPage(tuple(found), cursors.encode({"member": last}) if last else None)

    def update_role(
        self, caller: Caller, user_id: str, role: str, expected_version: int | None = None
    ) -> Member:
        """Give a member another role; emits MemberRoleChanged.

        Emits MemberPermissionsChanged too where further permissions end with it: all of them when
        the new role holds less, else those that it holds itself.
        """
        given = parse(RoleInput, _input(user_id, expected_version, role=role))
        standing, before = self._met(caller, given, MEMBERS_ROLES)
        if standing.role not in givers_of(given.role):
            raise ForbiddenError(f"Your role {standing.role} does not give {given.role}.")
        if given.role is before.role:
            return before
        after = self._in_role(before, given.role)
        return self._saved(before, after, _told(before, after), standing.cause(caller))

    def update_permissions(
        self,
        caller: Caller,
        user_id: str,
        permissions: list[str],
        expected_version: int | None = None,
    ) -> Member:
        """Set what a member may beyond their role; emits MemberPermissionsChanged.

        InvalidInputError for what their role holds: it would be theirs when the role is not.
        """
        values = _input(user_id, expected_version, permissions=permissions)
        given = parse(PermissionsInput, values)
        known = self.catalogue()
        if faults := _unknown(given.permissions, known):
            raise InvalidInputError(faults)
        standing, before = self._met(caller, given, MEMBERS_PERMISSIONS)
        wanted = tuple(given.permissions)
        if faults := _held(wanted, before.role, known):
            raise InvalidInputError(faults)
        for name in set(wanted) - set(before.extra_permissions):
            if not standing.holds(known[name]):
                raise ForbiddenError(f"You do not hold {name}, so you cannot give it.")
        if wanted == before.extra_permissions:
            return before
        after = before.changed(extra_permissions=wanted)
        data = _permissions_changed(before, after)
        return self._saved(before, after, (data,), standing.cause(caller))

    def suspend(self, caller: Caller, user_id: str, expected_version: int | None = None) -> Member:
        """Keep a member out until they are reactivated; emits MemberSuspended. They keep a seat."""
        given = parse(MemberInput, _input(user_id, expected_version))
        standing, before = self._met(caller, given, MEMBERS_SUSPEND)
        if before.user_id == caller.user_id:
            raise ConflictError("You cannot suspend yourself.")
        if before.status is MemberStatus.SUSPENDED:
            return before
        after = before.changed(status=MemberStatus.SUSPENDED)
        data = MemberSuspended(
            organization_id=before.tenant_id, user_id=before.user_id, role=before.role
        )
        return self._saved(before, after, (data,), standing.cause(caller))

    def reactivate(
        self, caller: Caller, user_id: str, expected_version: int | None = None
    ) -> Member:
        """Let a suspended member in again; emits MemberReactivated."""
        given = parse(MemberInput, _input(user_id, expected_version))
        standing, before = self._met(caller, given, MEMBERS_SUSPEND)
        if before.status is MemberStatus.ACTIVE:
            return before
        after = before.changed(status=MemberStatus.ACTIVE)
        data = MemberReactivated(
            organization_id=before.tenant_id, user_id=before.user_id, role=before.role
        )
        return self._saved(before, after, (data,), standing.cause(caller))

    def remove(self, caller: Caller, user_id: str, expected_version: int | None = None) -> Member:
        """End a membership and free its seat, once; emits MemberRemoved.

        Refused from their next request on, in this organisation only. Removing oneself is leaving.
        """
        given = parse(MemberInput, _input(user_id, expected_version))
        if given.user_id == caller.user_id:
            return self.leave(caller, expected_version)
        standing, before = self._met(caller, given, MEMBERS_REMOVE, ended=True)
        if before.status is MemberStatus.REMOVED:
            return before
        return self._ended(before, "removed", standing.cause(caller))

    def leave(self, caller: Caller, expected_version: int | None = None) -> Member:
        """End the caller's own membership; emits MemberRemoved, once.

        Who has left is answered so again; who was removed is refused. LastOwnerError for the last
        owner who can act.
        """
        given = parse(MemberInput, _input(caller.user_id, expected_version))
        acting = self._acting(caller)
        if acting.member and acting.member.left:
            return acting.member  # an answer may have been lost
        _, standing = acting.found(self.stamp.now(), self.meter)
        standing.require(MEMBERS_LEAVE)
        before = _at_version(_current(acting.member), given)
        return self._ended(before, "left", standing.cause(caller))

    def transfer(self, caller: Caller, user_id: str) -> Member:
        """Make an active member the owner in the caller's place, who stays as an ADMIN.

        Emits OwnershipTransferred and MemberRoleChanged of each whose role changes, and
        MemberPermissionsChanged where further permissions end with it: to somebody who is an owner
        already, the caller only steps down. Who handed over to them is answered so
        again, as long as both stand as that left them.
        """
        given = parse(MemberInput, _input(user_id))
        acting = self._acting(caller, given.user_id)
        _, standing = acting.found(self.stamp.now(), self.meter)
        if (handed := _handed(acting)) and standing.role is Role.ADMIN:
            standing.require(MEMBERS_READ)
            return handed  # an answer may have been lost
        standing.require(OWNERSHIP_TRANSFER)
        before, own = _current(acting.other), _current(acting.member)
        if before.user_id == own.user_id:
            raise ConflictError("You are the owner yourself; name somebody else.")
        if before.status is not MemberStatus.ACTIVE:
            raise ConflictError("They are suspended; reactivate them first.")
        if before.barred:
            raise ConflictError("They cannot sign in at present; name somebody else.")
        left = self._in_role(own, Role.ADMIN, handed_to=before.user_id)
        cause = standing.cause(caller)
        transferred = OwnershipTransferred(
            organization_id=own.tenant_id,
            owner_id=before.user_id,
            previous_owner_id=own.user_id,
        )
        stepped_down = _told(own, left)
        if before.role is Role.OWNER:
            change = self._change(own, left, cause, transferred, *stepped_down)
            self.members.save(change, heir=before.user_id)
            return before
        after = self._in_role(before, Role.OWNER)
        self.members.save(
            self._change(before, after, cause, transferred, *_told(before, after)),
            self._change(own, left, cause, *stepped_down),
        )
        return after

    def appoint(self, caller: Caller, organization_id: str, user_id: str, reason: str) -> Member:
        """Make an active member an owner where no owner can any more; operators only.

        Emits OwnerAppointed, MemberRoleChanged, and MemberPermissionsChanged as `update_role`. Who
        is an owner already is answered as they stand. ConflictError for a cancelled organisation,
        and for who is suspended there or by the platform.
        """
        self.operators.require_active(caller)
        asked = {"organizationId": organization_id, "userId": user_id, "reason": reason}
        given = parse(AppointInput, asked)
        found = self.organizations.acting(given.organization_id, given.user_id)
        if found.organization is None:
            raise NotFoundError("There is no such organisation.")
        if found.organization.status is OrganizationStatus.CANCELLED:
            raise ConflictError("The organisation has been cancelled.")
        before = _current(found.member)
        if before.status is not MemberStatus.ACTIVE or before.barred:
            raise ConflictError("They are suspended; name somebody else.")
        if before.role is Role.OWNER:
            return before  # an answer may have been lost
        after = self._in_role(before, Role.OWNER)
        appointed = OwnerAppointed(
            organization_id=before.tenant_id, owner_id=before.user_id, reason=given.reason
        )
        told = (appointed, *_told(before, after))
        return self._saved(before, after, told, caller.operator_cause)

    # inside

    def _acting(self, caller: Caller, other: str | None = None) -> Acting:
        return self.organizations.acting(
            caller.organization_id, caller.user_id, operator=caller.is_operator, other=other
        )

    def _standing(self, caller: Caller, permission: Permission) -> Standing:
        _, standing = self._acting(caller).found(self.stamp.now(), self.meter)
        standing.require(permission)
        return standing

    def _met(
        self, caller: Caller, given: MemberInput, permission: Permission, *, ended: bool = False
    ) -> tuple[Standing, Member]:
        """Where the caller stands, and the member they may do that to."""
        acting = self._acting(caller, given.user_id)
        _, standing = acting.found(self.stamp.now(), self.meter)
        standing.require(permission)
        before = _current(acting.other, ended=ended)
        if standing.role not in givers_of(before.role):
            raise ForbiddenError(f"Your role {standing.role} does not reach {before.role}.")
        return standing, _at_version(before, given)

    def _in_role(self, before: Member, role: Role, *, handed_to: str | None = None) -> Member:
        """The member in another role, with what they may beyond it."""
        extra = before.extra_permissions
        if before.role in givers_of(role):
            extra = ()
        elif extra:
            held = {name for name, each in self.catalogue().items() if role in each.roles}
            extra = tuple(name for name in extra if name not in held)
        return before.changed(role=role, handed_to=handed_to, extra_permissions=extra)

    def _ended(self, before: Member, how: End, cause: Cause) -> Member:
        """What they wrote stays under their name; their address is no longer kept."""
        after = before.changed(
            status=MemberStatus.REMOVED,
            extra_permissions=(),
            email=None,
            handed_to=None,
            left=how == "left",
            removed_at=self.stamp.now() if how == "removed" else None,
        )
        data = MemberRemoved(
            organization_id=before.tenant_id,
            user_id=before.user_id,
            role=before.role,
            how=how,
            removed_by=cause.actor.id,
        )
        return self._saved(before, after, (data,), cause)

    def _saved(
        self, before: Member, after: Member, told: Sequence[EventData], cause: Cause
    ) -> Member:
        heir = self._heir(before, cause.actor.id) if before.leads and not after.leads else None
        self.members.save(self._change(before, after, cause, *told), heir=heir)
        return after

    def _heir(self, before: Member, acting_id: str) -> str:
        """An owner who stays and can act; LastOwnerError without one.

        Only owners touch owners, so whoever ends somebody else is one. Who the platform has
        suspended counts among the owners, but nobody could do anything for the organisation then.
        """
        if acting_id != before.user_id:
            return acting_id
        after, goes_on = None, True
        while goes_on:
            page, goes_on = self.members.page(before.tenant_id, after, filtered.AT_ONCE)
            for member in page:
                if member.leads and not member.barred and member.user_id != before.user_id:
                    return member.user_id
                after = member.user_id
        raise LastOwnerError(
            "The organisation would be without an owner who can act; make somebody else one first."
        )

    def _change(
        self, before: Member, after: Member, cause: Cause, *happened: EventData
    ) -> MemberChange:
        events = tuple(self.stamp.event(data, cause) for data in happened)
        return MemberChange(before, after, events)


@dataclass(frozen=True)
class MemberCopies:
    """Keeps what members show of profiles current, in whatever order it hears of changes."""

    profiles: Profiles
    members: MemberRepository

    def refresh(self, envelope: Envelope) -> int:
        """Look the person of an event up, and show them so; one who is suspended is kept out.

        The events are MemberJoined, UserRegistered, ProfileUpdated, UserSuspended, UserReactivated.
        Answers how many copies were renewed. Where they have just come in is known by the event:
        the list of their organisations may not tell yet.
        """
        fields = envelope.data.get("fields")
        if isinstance(fields, list) and SHOWN.isdisjoint(fields):
            return 0
        user_id = str(envelope.data["user_id"])
        card = self.profiles.card(user_id)
        if card is None:
            return 0  # their registration is yet to come, and tells
        named = envelope.data.get("organization_id")
        tenants = [str(named)] if named else []
        if envelope.type != "MemberJoined":
            tenants += self.members.tenants_of(user_id)
        return sum(self.members.show(each, user_id, card) for each in dict.fromkeys(tenants))


def _input(user_id: str, expected_version: int | None = None, **more: Any) -> dict[str, Any]:
    return {"userId": user_id, "expectedVersion": expected_version, **more}


def _unknown(names: list[str], known: Mapping[str, Permission]) -> list[Fault]:
    grantable = {name for name, permission in known.items() if permission.grantable}
    return [
        Fault(field="permissions", message=f"{name} is no permission that can be given")
        for name in names
        if name not in grantable
    ]


def _held(names: Sequence[str], role: Role, known: Mapping[str, Permission]) -> list[Fault]:
    return [
        Fault(field="permissions", message=f"their role {role} holds {name} already")
        for name in names
        if role in known[name].roles
    ]


def _current(member: Member | None, *, ended: bool = False) -> Member:
    if member is None or not (member.is_current or ended):
        raise NotFoundError("There is no such member.")
    return member


def _handed(acting: Acting) -> Member | None:
    """Whom the caller has made an owner in their place, when that is who was asked for."""
    own, other = acting.member, acting.other
    return other if own and other and own.handed_to == other.user_id and other.leads else None


def _at_version(member: Member, given: MemberInput) -> Member:
    if given.expected_version not in (None, member.entity_version):
        raise ConflictError("The member has changed since; read them again.")
    return member


def _told(before: Member, after: Member) -> tuple[EventData, ...]:
    """Of another role, and of the permissions that end with it."""
    role = _role_changed(before, after)
    if before.extra_permissions == after.extra_permissions:
        return (role,)
    return role, _permissions_changed(before, after)


def _permissions_changed(before: Member, after: Member) -> MemberPermissionsChanged:
    return MemberPermissionsChanged(
        organization_id=before.tenant_id,
        user_id=before.user_id,
        before=before.extra_permissions,
        after=after.extra_permissions,
    )


def _role_changed(before: Member, after: Member) -> MemberRoleChanged:
    return MemberRoleChanged(
        organization_id=before.tenant_id,
        user_id=before.user_id,
        before=before.role,
        after=after.role,
    )
