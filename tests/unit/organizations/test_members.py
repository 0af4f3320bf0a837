"""Members: who may change whom to what, and what is told of it. The tables are typed here."""

from collections.abc import Callable
from typing import Any

import pytest

from tenantry.errors import (
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    LastOwnerError,
    NotAMemberError,
    NotFoundError,
    OrganizationSuspendedError,
    TenantryError,
)
from tenantry.organizations.events import MemberRemoved
from tenantry.organizations.model import Member
from tenantry.organizations.repository import MemberChange
from tenantry.tenancy.access import MemberStatus, OrganizationStatus
from tenantry.tenancy.caller import Caller
from tenantry.tenancy.roles import Role
from tests.unit.organizations.conftest import World

LETTERS = {"O": "OWNER", "A": "ADMIN", "G": "MANAGER", "M": "MEMBER", "V": "VIEWER"}

# Who (rows) may give whom (columns) which roles: Owner, Admin, manaGer, Member, Viewer.
GIVES = """
             OWNER  ADMIN  MANAGER  MEMBER  VIEWER
    OWNER    OAGMV  OAGMV  OAGMV    OAGMV   OAGMV
    ADMIN    -      AGMV   AGMV     AGMV    AGMV
    MANAGER  -      -      -        -       -
    MEMBER   -      -      -        -       -
    VIEWER   -      -      -        -       -
    MANAGER+ -      -      GMV      GMV     GMV
    MEMBER+  -      -      -        MV      MV
    VIEWER+  -      -      -        -       V
"""

# Who may suspend, reactivate and remove whom.
REACHES = """
    OWNER    OWNER ADMIN MANAGER MEMBER VIEWER
    ADMIN    ADMIN MANAGER MEMBER VIEWER
    MANAGER  -
    MEMBER   -
    VIEWER   -
    MANAGER+ MANAGER MEMBER VIEWER
    VIEWER+  VIEWER
"""

_HEAD, *_ROWS = (line.split() for line in GIVES.strip().splitlines())
MAY_GIVE = {
    (who, whom, role): letter in cell
    for who, *cells in _ROWS
    for whom, cell in zip(_HEAD, cells, strict=True)
    for letter, role in LETTERS.items()
}
MAY_REACH = {
    (who, whom): whom in reached
    for who, *reached in (line.split() for line in REACHES.strip().splitlines())
    for whom in LETTERS.values()
}
EXTRAS = ("members:remove", "members:roles", "members:suspend")


def acting(world: World, who: str) -> tuple[Caller, Caller]:
    """The founder, and a member of that role; `+` with permissions beyond it."""
    owner = world.founded()
    extra = EXTRAS if who.endswith("+") else ()
    return owner, world.joined(owner, "eve", Role(who.rstrip("+")), MemberStatus.ACTIVE, *extra)


@pytest.mark.parametrize(("who", "whom", "role"), MAY_GIVE)
def test_a_role_is_given_as_the_table_says(world: World, who: str, whom: str, role: str) -> None:
    owner, eve = acting(world, who)
    bob = world.joined(owner, "bob", Role(whom))

    if MAY_GIVE[who, whom, role]:
        assert world.members.update_role(eve, "bob", role).role == role
        assert world.member(bob).role == role
    else:
        with pytest.raises(ForbiddenError):
            world.members.update_role(eve, "bob", role)
        assert world.member(bob).role == whom


@pytest.mark.parametrize(("who", "whom"), MAY_REACH)
def test_a_member_is_suspended_reactivated_and_removed_as_the_table_says(
    world: World, who: str, whom: str
) -> None:
    owner, eve = acting(world, who)
    bob = world.joined(owner, "bob", Role(whom))
    before = world.counted(owner)

    for change, status in (
        (world.members.suspend, "SUSPENDED"),
        (world.members.reactivate, "ACTIVE"),
        (world.members.remove, "REMOVED"),
    ):
        if MAY_REACH[who, whom]:
            assert change(eve, "bob").status == status
        else:
            with pytest.raises(ForbiddenError):
                change(eve, "bob")
            assert world.member(bob).status == "ACTIVE"

    seats = before[0] - MAY_REACH[who, whom]
    assert world.counted(owner)[0] == seats


@pytest.mark.parametrize("role", ["ADMIN", "MANAGER", "MEMBER", "VIEWER"])
def test_nobody_raises_themselves(world: World, role: str) -> None:
    owner = world.founded()
    eve = world.joined(owner, "eve", Role(role), MemberStatus.ACTIVE, *EXTRAS)

    for higher in list(LETTERS.values())[: list(LETTERS.values()).index(role)]:
        with pytest.raises(ForbiddenError):
            world.members.update_role(eve, "eve", higher)
    lower = world.members.update_role(eve, "eve", "VIEWER")
    assert lower.role == "VIEWER"


def test_a_role_is_told_before_and_after_and_by_whom(world: World) -> None:
    owner = world.founded()
    world.joined(owner, "bob")

    changed = world.members.update_role(owner, "bob", "MANAGER")

    assert changed.entity_version == 2
    told = world.organizations.events[-1]
    assert (told.type, told.actor.id, told.actor.role) == ("MemberRoleChanged", "ada", "OWNER")
    assert told.data == {
        "organization_id": owner.tenant_id,
        "user_id": "bob",
        "before": "MEMBER",
        "after": "MANAGER",
    }


def test_what_is_so_already_tells_nothing(world: World) -> None:
    owner = world.founded()
    world.joined(owner, "bob")
    world.joined(owner, "cat", Role.MEMBER, MemberStatus.SUSPENDED)
    before = len(world.told())

    world.members.update_role(owner, "bob", "MEMBER")
    world.members.update_permissions(owner, "bob", [])
    world.members.reactivate(owner, "bob")
    world.members.suspend(owner, "cat")

    assert len(world.told()) == before


def test_a_change_made_on_an_older_version_is_refused(world: World) -> None:
    owner = world.founded()
    world.joined(owner, "bob")
    world.members.update_role(owner, "bob", "MANAGER", 1)

    late_ones: list[Callable[[], object]] = [
        lambda: world.members.update_role(owner, "bob", "VIEWER", 1),
        lambda: world.members.update_permissions(owner, "bob", ["activity:read"], 1),
        lambda: world.members.suspend(owner, "bob", 1),
        lambda: world.members.reactivate(owner, "bob", 1),
    ]
    for late in late_ones:
        with pytest.raises(ConflictError):
            late()


def test_what_a_change_names_wrongly_is_all_listed(world: World) -> None:
    owner = world.founded()

    with pytest.raises(InvalidInputError) as refused:
        world.members.update_role(owner, "a#b", "KING", 0)
    assert {fault["field"] for fault in refused.value.faults} == {
        "userId",
        "role",
        "expectedVersion",
    }


# permissions


@pytest.mark.parametrize(
    ("who", "name", "may"),
    [
        ("OWNER", "organization:settings", True),
        ("ADMIN", "organization:settings", True),
        ("ADMIN", "activity:read", True),
        ("MANAGER", "activity:read", False),
        ("MANAGER+", "activity:read", True),
        ("MANAGER+", "members:permissions", True),
        ("MANAGER+", "organization:settings", False),
        ("MEMBER+", "activity:read", False),
        ("MEMBER+", "members:permissions", True),
    ],
)
def test_nobody_gives_a_permission_that_they_do_not_hold(
    world: World, who: str, name: str, may: bool
) -> None:
    owner = world.founded()
    extra = ("members:permissions",) if who.endswith("+") else ()
    eve = world.joined(owner, "eve", Role(who.rstrip("+")), MemberStatus.ACTIVE, *extra)
    bob = world.joined(owner, "bob", Role.VIEWER)

    if may:
        world.members.update_permissions(eve, "bob", [name])
        assert world.member(bob).extra_permissions == (name,)
    else:
        with pytest.raises(ForbiddenError):
            world.members.update_permissions(eve, "bob", [name])


@pytest.mark.parametrize(
    "name",
    [
        *("ownership:transfer", "billing:manage", "billing:pay"),
        *("account:manage", "account:read", "account:credentials"),
        *("no:such", "members:"),
    ],
)
def test_only_what_the_catalogue_holds_is_given(world: World, name: str) -> None:
    owner = world.founded()
    world.joined(owner, "bob")

    with pytest.raises(InvalidInputError) as refused:
        world.members.update_permissions(owner, "bob", ["activity:read", name])

    assert [fault["field"] for fault in refused.value.faults] == ["permissions"]


def test_what_their_role_holds_is_given_to_nobody_beside_it(world: World) -> None:
    """It would outlast the role."""
    owner = world.founded()
    bob = world.joined(owner, "bob", Role.ADMIN)

    for caller, whom in ((bob, "bob"), (owner, "bob"), (owner, "ada")):
        with pytest.raises(InvalidInputError, match="already") as refused:
            world.members.update_permissions(caller, whom, ["members:roles", "audit:read"])
        assert len(refused.value.faults) == 2
    assert world.member(bob).extra_permissions == ()


HELD = ("activity:read", "members:suspend", "members:roles")
ROLES = tuple(Role)


@pytest.mark.parametrize(
    ("was", "becomes"),
    [(was, becomes) for was in ROLES for becomes in ROLES[ROLES.index(was) + 1 :]],
)
def test_who_steps_down_loses_all_that_they_were_given_beside_their_role(
    world: World, was: Role, becomes: Role
) -> None:
    owner = world.founded()
    bob = world.joined(owner, "bob", was, MemberStatus.ACTIVE, *HELD)
    world.joined(owner, "cat", Role.VIEWER)

    world.members.update_role(owner, "bob", becomes)

    assert world.member(bob).extra_permissions == ()
    role, permissions = world.organizations.events[-2:]
    assert (role.type, permissions.type) == ("MemberRoleChanged", "MemberPermissionsChanged")
    assert (permissions.data["before"], permissions.data["after"]) == (list(HELD), [])
    if becomes is not Role.ADMIN:
        with pytest.raises(ForbiddenError):
            world.members.suspend(bob, "cat")


def test_who_rises_keeps_what_the_new_role_does_not_hold(world: World) -> None:
    owner = world.founded()
    bob = world.joined(owner, "bob", Role.VIEWER, MemberStatus.ACTIVE, *HELD)
    cat = world.joined(owner, "cat", Role.VIEWER, MemberStatus.ACTIVE, "members:suspend")

    world.members.update_role(owner, "bob", "MANAGER")  # who reads the activity anyway
    world.members.update_role(owner, "cat", "MEMBER")

    assert world.member(bob).extra_permissions == ("members:suspend", "members:roles")
    assert world.member(cat).extra_permissions == ("members:suspend",)
    assert world.told().count("MemberPermissionsChanged") == 1


@pytest.mark.parametrize("role", [Role.ADMIN, Role.OWNER])
def test_who_hands_over_keeps_nothing_of_an_owner(world: World, role: Role) -> None:
    """Even of what was stored before it was refused."""
    owner = world.founded()
    where = owner.organization_id, "ada"
    kept = {"extra_permissions": ("billing:manage", "members:roles")}
    world.organizations.members[where] = world.member(owner).model_copy(update=kept)
    bob = world.joined(owner, "bob", role, MemberStatus.ACTIVE, "activity:read")

    world.members.transfer(owner, "bob")

    assert world.member(owner).extra_permissions == ()
    assert world.member(bob).role is Role.OWNER
    lost = [e.data for e in world.organizations.events if e.type == "MemberPermissionsChanged"]
    assert ["billing:manage", "members:roles"] in [each["before"] for each in lost]
    if role is Role.ADMIN:
        assert world.member(bob).extra_permissions == ()


@pytest.mark.parametrize("names", [["Activity:Read"], ["x"] * 21, [""], "activity:read", [1]])
def test_what_is_no_list_of_names_is_refused(world: World, names: Any) -> None:
    owner = world.founded()
    world.joined(owner, "bob")

    with pytest.raises(InvalidInputError):
        world.members.update_permissions(owner, "bob", names)


def test_a_permission_counts_from_the_next_request_on_and_is_taken_away(world: World) -> None:
    owner = world.founded()
    bob = world.joined(owner, "bob", Role.VIEWER)
    world.joined(owner, "cat", Role.VIEWER)
    with pytest.raises(ForbiddenError):
        world.members.suspend(bob, "cat")

    world.members.update_permissions(owner, "bob", ["members:suspend", "members:suspend"])
    world.members.suspend(bob, "cat")
    world.members.update_permissions(owner, "bob", [])

    with pytest.raises(ForbiddenError):
        world.members.reactivate(bob, "cat")
    told = [e.data for e in world.organizations.events if e.type == "MemberPermissionsChanged"]
    assert [(data["before"], data["after"]) for data in told] == [
        ([], ["members:suspend"]),
        (["members:suspend"], []),
    ]


def test_a_stored_permission_that_is_not_to_be_given_gives_nothing(world: World) -> None:
    owner = world.founded()
    world.joined(owner, "bob")
    eve = world.joined(owner, "eve", Role.ADMIN, MemberStatus.ACTIVE, "ownership:transfer")

    with pytest.raises(ForbiddenError):
        world.members.transfer(eve, "bob")


# ends


def test_who_is_removed_is_refused_and_frees_a_seat_once(world: World) -> None:
    owner = world.founded()
    bob = world.joined(owner, "bob", Role.MEMBER, MemberStatus.ACTIVE, "activity:read")
    assert world.counted(owner) == (2, 1)

    for _ in range(2):
        assert world.members.remove(owner, "bob").status is MemberStatus.REMOVED

    assert world.counted(owner) == (1, 1)
    stored = world.member(bob)
    assert (stored.name, stored.email, stored.extra_permissions) == ("Bob", None, ())
    assert (stored.left, stored.removed_at) == (False, world.stamp.now())
    with pytest.raises(NotAMemberError):
        world.service.read(bob)
    told = world.organizations.events[-1].data
    assert (told["how"], told["removed_by"], told["role"]) == ("removed", "ada", "MEMBER")
    assert world.told().count("MemberRemoved") == 1


def test_who_is_removed_stays_in_their_other_organisations(world: World) -> None:
    owner = world.founded()
    world.joined(owner, "bob")
    other = world.founded("Other", "bob")

    world.members.remove(owner, "bob")

    assert world.service.read(other).name == "Other"


@pytest.mark.parametrize("role", Role)
def test_everybody_leaves_by_themselves(world: World, role: Role) -> None:
    owner = world.founded()
    bob = world.joined(owner, "bob", role)

    left = world.members.leave(bob)

    assert (left.status, left.left, left.removed_at) == (MemberStatus.REMOVED, True, None)
    assert world.counted(owner) == (1, 1)
    told = world.organizations.events[-1].data
    assert (told["how"], told["removed_by"]) == ("left", "bob")


def test_leaving_again_is_answered_as_it_was_and_told_once(world: World) -> None:
    owner = world.founded()
    bob = world.joined(owner, "bob")
    left = world.members.leave(bob, expected_version=1)
    told = world.told()

    again = [world.members.leave(bob, expected_version=1), world.members.remove(bob, "bob")]

    assert again == [left, left]
    assert world.told() == told
    assert world.counted(owner) == (1, 1)


def test_who_was_removed_has_not_left(world: World) -> None:
    owner = world.founded()
    bob = world.joined(owner, "bob")
    world.members.remove(owner, "bob")

    with pytest.raises(NotAMemberError):
        world.members.leave(bob)


def test_removing_oneself_is_leaving(world: World) -> None:
    owner = world.founded()
    bob = world.joined(owner, "bob", Role.VIEWER)

    world.members.remove(bob, "bob")

    assert world.organizations.events[-1].data["how"] == "left"


def test_the_last_owner_neither_leaves_nor_steps_down(world: World) -> None:
    owner = world.founded()
    world.joined(owner, "bob", Role.ADMIN)
    world.joined(owner, "cat", Role.OWNER, MemberStatus.SUSPENDED)

    ends: list[Callable[[], object]] = [
        lambda: world.members.leave(owner),
        lambda: world.members.remove(owner, "ada"),
        lambda: world.members.update_role(owner, "ada", "ADMIN"),
    ]
    for end in ends:
        with pytest.raises(LastOwnerError):
            end()
    assert world.counted(owner) == (3, 1)
    world.members.reactivate(owner, "cat")
    world.members.leave(owner)
    assert world.counted(owner) == (2, 1)


def test_a_suspended_member_is_refused_and_keeps_their_seat(world: World) -> None:
    owner = world.founded()
    bob = world.joined(owner, "bob", Role.OWNER)

    world.members.suspend(owner, "bob")

    assert world.counted(owner) == (2, 1)
    with pytest.raises(NotAMemberError):
        world.service.read(bob)
    world.members.reactivate(owner, "bob")
    assert world.counted(owner) == (2, 2)
    assert world.service.read(bob).name == "Acme"
    assert world.told()[-2:] == ["MemberSuspended", "MemberReactivated"]


def test_nobody_suspends_themselves(world: World) -> None:
    owner = world.founded()
    world.joined(owner, "bob", Role.OWNER)

    with pytest.raises(ConflictError):
        world.members.suspend(owner, "ada")


@pytest.mark.parametrize("user_id", ["bob", "cat", "nobody"])
def test_who_is_no_member_is_not_changed(world: World, user_id: str) -> None:
    owner = world.founded()
    world.joined(owner, "bob", Role.MEMBER, MemberStatus.REMOVED)
    world.joined(owner, "cat", Role.MEMBER, MemberStatus.INVITED)

    changes: list[Callable[[], object]] = [
        lambda: world.members.update_role(owner, user_id, "ADMIN"),
        lambda: world.members.update_permissions(owner, user_id, []),
        lambda: world.members.suspend(owner, user_id),
        lambda: world.members.reactivate(owner, user_id),
        lambda: world.members.transfer(owner, user_id),
    ]
    for change in changes:
        with pytest.raises(NotFoundError):
            change()
    with pytest.raises(NotFoundError):
        world.members.remove(owner, "nobody")


def test_nobody_reaches_a_member_of_another_organisation(world: World) -> None:
    owner = world.founded()
    other = world.founded("Other", "eve")
    world.joined(owner, "bob")

    with pytest.raises(NotFoundError):
        world.members.remove(other, "bob")
    with pytest.raises(NotAMemberError):
        world.members.remove(Caller(user_id="eve", tenant_id=owner.tenant_id), "bob")


def test_a_suspended_organisation_keeps_its_members_as_they_are(
    world: World, operator: Caller
) -> None:
    owner = world.founded()
    world.joined(owner, "bob")
    world.service.suspend(operator, owner.organization_id, "unpaid")

    changes: list[Callable[[], object]] = [
        lambda: world.members.update_role(owner, "bob", "ADMIN"),
        lambda: world.members.update_permissions(owner, "bob", []),
        lambda: world.members.suspend(owner, "bob"),
        lambda: world.members.reactivate(owner, "bob"),
        lambda: world.members.remove(owner, "bob"),
        lambda: world.members.leave(owner),
        lambda: world.members.transfer(owner, "bob"),
    ]
    for change in changes:
        with pytest.raises(OrganizationSuspendedError):
            change()
    assert len(world.members.page(owner, None, None, None).items) == 2


# owners whom the platform keeps out


def barred(world: World, caller: Caller) -> Caller:
    where = caller.organization_id, caller.user_id
    kept_out = world.member(caller).model_copy(update={"barred": True})
    world.organizations.members[where] = kept_out
    return caller


def test_an_owner_goes_only_while_another_one_can_act(world: World) -> None:
    owner = world.founded()
    bob = barred(world, world.joined(owner, "bob", Role.OWNER))
    world.joined(owner, "cat", Role.OWNER, MemberStatus.SUSPENDED)
    assert world.counted(owner)[1] == 2

    ends: list[Callable[[], object]] = [
        lambda: world.members.leave(owner),
        lambda: world.members.remove(owner, "ada"),
        lambda: world.members.update_role(owner, "ada", "ADMIN"),
    ]
    for end in ends:
        with pytest.raises(LastOwnerError, match="who can act"):
            end()
    world.members.remove(owner, "bob")
    assert world.member(bob).status is MemberStatus.REMOVED


def test_of_two_owners_who_end_each_other_beside_a_barred_one_one_can_act(world: World) -> None:
    """The count of owners would let both go."""
    owner = world.founded()
    bob = world.joined(owner, "bob", Role.OWNER)
    barred(world, world.joined(owner, "cat", Role.OWNER))
    both = world.organizations.members.copy()
    world.members.remove(owner, "bob")
    kept = world.organizations.members
    read, turn = both[owner.organization_id, "bob"], kept[owner.organization_id, "ada"]

    with pytest.raises(ConflictError):
        world.stored_members.save(
            MemberChange(
                turn,
                turn.changed(status=MemberStatus.REMOVED),
                (world.stamp.event(_removed(turn), bob.cause),),
            ),
            heir=read.user_id,
        )
    assert world.counted(owner)[1] == 2


def _removed(member: Member) -> MemberRemoved:
    return MemberRemoved(
        organization_id=member.tenant_id,
        user_id=member.user_id,
        role=member.role,
        how="removed",
        removed_by="bob",
    )


def test_an_operator_appoints_an_owner_where_none_can_act(world: World, operator: Caller) -> None:
    owner = world.founded()
    bob = world.joined(owner, "bob", Role.MANAGER, MemberStatus.ACTIVE, "audit:read")
    at = owner.organization_id
    barred(world, owner)

    appointed = world.members.appoint(operator, at, "bob", "Ticket 7: their owner is gone")

    assert (appointed.role, appointed.extra_permissions) == (Role.OWNER, ())
    assert world.counted(owner) == (2, 2)
    told = world.organizations.events[-3:]
    assert [each.type for each in told] == [
        "OwnerAppointed",
        "MemberRoleChanged",
        "MemberPermissionsChanged",
    ]
    assert {(each.actor.id, each.actor.kind) for each in told} == {("root", "operator")}
    assert told[0].data == {
        "organization_id": at,
        "owner_id": "bob",
        "reason": "Ticket 7: their owner is gone",
    }
    assert world.members.appoint(operator, at, "bob", "again") == appointed
    assert world.told().count("OwnerAppointed") == 1
    world.members.remove(bob, "ada")
    assert world.counted(owner) == (1, 1)


def test_an_owner_of_a_suspended_organisation_is_appointed(world: World, operator: Caller) -> None:
    """Who else should pay for it?"""
    owner = world.founded()
    world.joined(owner, "bob")
    world.service.suspend(operator, owner.organization_id, "unpaid")

    assert world.members.appoint(operator, owner.organization_id, "bob", "gone").leads


@pytest.mark.parametrize(
    ("role", "status"),
    [(r, s) for r in (Role.MEMBER, Role.OWNER) for s in ("SUSPENDED", "REMOVED", "INVITED")],
)
def test_nobody_is_appointed_who_could_not_act(
    world: World, operator: Caller, role: Role, status: str
) -> None:
    owner = world.founded()
    world.joined(owner, "bob", role, MemberStatus(status))
    barred(world, world.joined(owner, "cat"))

    for user_id in ("bob", "cat", "nobody"):
        with pytest.raises((ConflictError, NotFoundError)):
            world.members.appoint(operator, owner.organization_id, user_id, "gone")
    with pytest.raises(NotFoundError):
        world.members.appoint(operator, "nowhere", "ada", "gone")
    assert "OwnerAppointed" not in world.told()


def test_only_operators_appoint_and_say_why(world: World, operator: Caller) -> None:
    owner = world.founded()
    world.joined(owner, "bob")
    at = owner.organization_id
    world.operators.suspended.add("fired")

    for caller in (owner, operator.model_copy(update={"user_id": "fired"})):
        with pytest.raises(ForbiddenError):
            world.members.appoint(caller, at, "bob", "gone")
    with pytest.raises(InvalidInputError) as refused:
        world.members.appoint(operator, at, "b#b", " ")
    assert {fault["field"] for fault in refused.value.faults} == {"userId", "reason"}


def test_a_cancelled_organisation_is_given_no_owner(world: World, operator: Caller) -> None:
    owner = world.founded()
    world.joined(owner, "bob")
    stored = world.organizations.organizations[owner.organization_id]
    ended = stored.model_copy(update={"status": OrganizationStatus.CANCELLED})
    world.organizations.organizations[owner.organization_id] = ended

    with pytest.raises(ConflictError, match="cancelled"):
        world.members.appoint(operator, owner.organization_id, "bob", "gone")


# handing over


def test_an_owner_hands_over_and_stays_as_an_admin(world: World) -> None:
    owner = world.founded()
    bob = world.joined(owner, "bob")

    world.members.transfer(owner, "bob")

    assert (world.member(owner).role, world.member(bob).role) == (Role.ADMIN, Role.OWNER)
    assert world.counted(owner) == (2, 1)
    assert world.told()[-3:] == ["OwnershipTransferred", "MemberRoleChanged", "MemberRoleChanged"]
    told = world.organizations.events[-3].data
    assert (told["owner_id"], told["previous_owner_id"]) == ("bob", "ada")


def test_who_hands_over_to_another_owner_steps_down(world: World) -> None:
    owner = world.founded()
    bob = world.joined(owner, "bob", Role.OWNER)
    assert world.counted(owner) == (2, 2)

    handed = world.members.transfer(owner, "bob")

    assert (world.member(owner).role, handed) == (Role.ADMIN, world.member(bob))
    assert world.counted(owner) == (2, 1)
    assert world.told()[-2:] == ["OwnershipTransferred", "MemberRoleChanged"]
    assert world.members.transfer(owner, "bob") == handed
    assert world.told().count("OwnershipTransferred") == 1


def test_nobody_hands_over_to_whom_the_platform_keeps_out(world: World) -> None:
    owner = world.founded()
    bob = world.joined(owner, "bob", Role.ADMIN)
    where = owner.organization_id, "bob"
    world.organizations.members[where] = world.member(bob).model_copy(update={"barred": True})

    with pytest.raises(ConflictError, match="cannot sign in"):
        world.members.transfer(owner, "bob")


def test_handing_over_again_is_answered_as_it_was_and_told_once(world: World) -> None:
    owner = world.founded()
    world.joined(owner, "bob")
    handed = world.members.transfer(owner, "bob")
    told = world.told()

    assert world.members.transfer(owner, "bob") == handed
    assert world.told() == told
    assert world.counted(owner) == (2, 1)


def test_handing_over_is_answered_again_only_while_both_stand_as_it_left_them(
    world: World,
) -> None:
    owner = world.founded()
    bob = world.joined(owner, "bob")
    world.joined(owner, "cat", Role.OWNER)
    eve = world.joined(owner, "eve", Role.ADMIN)
    world.members.transfer(owner, "bob")

    # Somebody else did not hand over to them, nor they to somebody else.
    for who, whom in ((eve, "bob"), (owner, "cat"), (owner, "eve")):
        with pytest.raises(ForbiddenError):
            world.members.transfer(who, whom)
    world.members.update_role(bob, "ada", "MEMBER")
    world.members.update_role(bob, "ada", "ADMIN")
    with pytest.raises(ForbiddenError):
        world.members.transfer(owner, "bob")


@pytest.mark.parametrize(
    ("role", "status", "error"),
    [
        (Role.OWNER, MemberStatus.SUSPENDED, ConflictError),
        (Role.ADMIN, MemberStatus.SUSPENDED, ConflictError),
        (Role.ADMIN, MemberStatus.REMOVED, NotFoundError),
    ],
)
def test_nobody_else_takes_over(
    world: World, role: Role, status: MemberStatus, error: type[TenantryError]
) -> None:
    owner = world.founded()
    world.joined(owner, "bob", role, status)

    with pytest.raises(error):
        world.members.transfer(owner, "bob")
    with pytest.raises(ConflictError):
        world.members.transfer(owner, "ada")


@pytest.mark.parametrize("role", [Role.ADMIN, Role.MANAGER, Role.MEMBER, Role.VIEWER])
def test_who_is_no_owner_hands_nothing_over(world: World, role: Role) -> None:
    owner = world.founded()
    eve = world.joined(owner, "eve", role)
    world.joined(owner, "bob")

    with pytest.raises(ForbiddenError):
        world.members.transfer(eve, "bob")


# listing


def listed(world: World, caller: Caller, first: int, **chosen: Any) -> list[list[str]]:
    """The users of each page."""
    pages, after = [], None
    while True:
        page = world.members.page(caller, first, after, chosen or None)
        pages.append([member.user_id for member in page.items])
        after = page.next_cursor
        if after is None:
            return pages


def test_members_come_in_pages_without_those_who_left(world: World) -> None:
    owner = world.founded()
    for number in range(5):
        world.joined(owner, f"m-{number}")
    world.members.remove(owner, "m-1")

    assert listed(world, owner, 2) == [["ada", "m-0"], ["m-2", "m-3"], ["m-4"]]
    assert listed(world, owner, 5) == [["ada", "m-0", "m-2", "m-3", "m-4"]]
    assert listed(world, owner, 2, status="REMOVED") == [["m-1"]]


@pytest.mark.parametrize("text", ["zoë", "ZOË", "zoe\u0308", "Zoë Q", "zoë.q@", "ACME.EXAMPLE"])
def test_members_are_found_by_name_and_address_whatever_the_case(world: World, text: str) -> None:
    owner = world.founded()
    bob = world.joined(owner, "bob")
    shown = {"name": "Zoë Quinn", "email": "zoë.q@acme.example"}
    world.organizations.members[bob.organization_id, "bob"] = world.member(bob).model_copy(
        update=shown
    )

    assert listed(world, owner, 5, text=text) == [["bob"]]
    assert listed(world, owner, 5, text=text, role="ADMIN") == [[]]


def test_a_filter_that_drops_most_members_finds_every_one_by_bounded_work(world: World) -> None:
    owner = world.founded()
    for number in range(2500):
        role = Role.MANAGER if number % 300 == 0 else Role.MEMBER
        world.joined(owner, f"m-{number:04}", role)

    pages = listed(world, owner, 4, role="MANAGER")

    assert [user for page in pages for user in page] == [f"m-{n:04}" for n in range(0, 2500, 300)]
    assert world.stored_members.pages <= 1 + len(pages) * 5
    assert len(pages) <= 4


def test_a_page_that_just_fits_does_not_go_on(world: World) -> None:
    owner = world.founded()
    world.joined(owner, "bob")

    assert listed(world, owner, 2) == [["ada", "bob"]]
    assert listed(world, owner, 1, text="bob") == [["bob"]]


@pytest.mark.parametrize("chosen", [{"role": "KING"}, {"text": " "}, {"status": "x"}, {"x": 1}])
def test_what_is_no_filter_is_refused(world: World, chosen: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        world.members.page(world.founded(), None, None, chosen)


def test_strangers_list_nobody(world: World) -> None:
    owner = world.founded()

    with pytest.raises(NotAMemberError):
        world.members.page(owner.model_copy(update={"user_id": "eve"}), None, None, None)
