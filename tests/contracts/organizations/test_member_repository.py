"""Members: saved with the seats and owners they move, listed, and shown by name."""

from dataclasses import dataclass
from typing import Any

import pytest

from tenantry.errors import ConflictError, ForbiddenError, LastOwnerError
from tenantry.organizations.model import Member
from tenantry.organizations.repository import Acting, MemberChange
from tenantry.tenancy.access import MemberStatus
from tenantry.tenancy.roles import Role
from tests.contracts.organizations.conftest import Stores
from tests.contracts.organizations.test_organization_repository import event, member, organization
from tests.support.clock import START


@dataclass(frozen=True)
class Shown:
    name: str | None
    email: str
    entity_version: int
    is_suspended: bool = False


@pytest.fixture
def made(stores: Stores) -> Stores:
    """An organisation with its owner u-1 and the member u-2."""
    acme = organization(owners=1)
    stores.organizations.create(acme, member(), event(), event())
    joining = member(user_id="u-2", role=Role.MEMBER)
    stores.organizations.join(joining, acme, event())
    return stores


def stored(stores: Stores, user_id: str = "u-2") -> Member:
    found = stores.organizations.acting("t-1", user_id).member
    assert found is not None
    return found


def counted(stores: Stores) -> tuple[int, int]:
    found = stores.organizations.get("t-1")
    assert found is not None
    return found.used_users, found.owners


def change(before: Member, **fields: Any) -> MemberChange:
    return MemberChange(before, before.changed(**fields), (event("MemberChanged"),))


def test_a_change_is_stored_over_the_state_it_was_made_on(made: Stores) -> None:
    changed = change(stored(made), role=Role.ADMIN, extra_permissions=("activity:read",))

    made.members.save(changed)

    assert stored(made) == changed.after
    assert counted(made) == (2, 1)
    with pytest.raises(ConflictError):
        made.members.save(change(changed.before, role=Role.VIEWER))


def test_a_change_whose_answer_was_lost_counts_once(made: Stores) -> None:
    for fields in ({"role": Role.ADMIN}, {"role": Role.OWNER}, {"status": MemberStatus.REMOVED}):
        changed = change(stored(made), **fields)
        made.members.save(changed)
        made.members.save(changed)
        assert stored(made) == changed.after
    assert counted(made) == (1, 1)


def test_seats_and_owners_move_with_what_they_count(made: Stores) -> None:
    seen = []
    for fields in (
        {"role": Role.OWNER},
        {"status": MemberStatus.SUSPENDED},
        {"status": MemberStatus.ACTIVE},
        {
            **{"status": MemberStatus.REMOVED, "extra_permissions": (), "email": None},
            "removed_at": START,
        },
    ):
        changed = change(stored(made), **fields)
        made.members.save(changed)
        assert stored(made) == changed.after
        seen.append(counted(made))

    assert seen == [(2, 2), (2, 1), (2, 2), (1, 1)]


@pytest.mark.parametrize(
    "fields",
    [{"role": Role.ADMIN}, {"status": MemberStatus.SUSPENDED}, {"status": MemberStatus.REMOVED}],
)
def test_the_last_owner_stays(made: Stores, fields: dict[str, Any]) -> None:
    before = stored(made, "u-1")

    with pytest.raises(LastOwnerError):
        made.members.save(change(before, **fields))

    assert stored(made, "u-1") == before
    assert counted(made) == (2, 1)


def test_an_owner_ends_only_while_another_one_can_act(made: Stores) -> None:
    made.members.save(change(stored(made), role=Role.OWNER))
    steps_down = change(stored(made, "u-1"), role=Role.ADMIN)
    made.members.show("t-1", "u-2", Shown("Zoë", "zoe@x.example", 1, is_suspended=True))
    with pytest.raises(ConflictError):
        made.members.save(steps_down, heir="u-2")
    with pytest.raises(ConflictError):
        made.members.save(steps_down, heir="u-3")
    assert (stored(made, "u-1").role, counted(made)) == (Role.OWNER, (2, 2))

    made.members.show("t-1", "u-2", Shown("Zoë", "zoe@x.example", 2))
    made.members.save(steps_down, heir="u-2")

    assert (stored(made, "u-1").role, counted(made)) == (Role.ADMIN, (2, 1))


def test_a_stale_change_of_an_owner_is_stale_and_not_the_last(made: Stores) -> None:
    before = stored(made, "u-1")
    made.members.save(change(before, extra_permissions=("activity:read",)))

    with pytest.raises(ConflictError) as refused:
        made.members.save(change(before, role=Role.ADMIN))
    assert not isinstance(refused.value, LastOwnerError)


def test_two_change_together_or_not_at_all(made: Stores) -> None:
    owner, other = stored(made, "u-1"), stored(made)
    made.members.save(change(owner, role=Role.ADMIN), change(other, role=Role.OWNER))
    assert (stored(made, "u-1").role, stored(made).role) == (Role.ADMIN, Role.OWNER)
    assert counted(made) == (2, 1)

    with pytest.raises(ConflictError):
        made.members.save(change(stored(made), role=Role.ADMIN), change(owner, role=Role.OWNER))
    assert stored(made).role is Role.OWNER


def test_members_come_in_pages_ended_ones_too(made: Stores) -> None:
    acme = made.organizations.get("t-1")
    assert acme is not None
    for number in (3, 4, 5):
        made.organizations.join(member(user_id=f"u-{number}", role=Role.MEMBER), acme, event())
    made.members.save(change(stored(made, "u-3"), status=MemberStatus.REMOVED))

    first, more = made.members.page("t-1", None, 3)
    rest, end = made.members.page("t-1", "u-3", 3)

    assert ([m.user_id for m in first], more) == (["u-1", "u-2", "u-3"], True)
    assert ([m.user_id for m in rest], end) == (["u-4", "u-5"], False)
    assert first[0] == stored(made, "u-1")
    assert made.members.page("t-9", None, 3) == ([], False)


def test_the_other_member_comes_with_the_same_read(made: Stores) -> None:
    found = made.organizations.acting("t-1", "u-1", other="u-2")
    assert found.other == stored(made)
    assert found.member == stored(made, "u-1")
    own = made.organizations.acting("t-1", "u-1", other="u-1")
    assert own.other == own.member
    assert made.organizations.acting("t-1", "u-1", other="u-9").other is None
    assert made.organizations.acting("t-9", "u-9", other="u-1") == Acting(None, None)


def test_the_organisations_of_a_user_are_known(made: Stores) -> None:
    other = organization("t-2", "other")
    made.organizations.create(other, member("t-2", "u-2"), event(), event())

    assert sorted(made.members.tenants_of("u-2")) == ["t-1", "t-2"]
    assert list(made.members.tenants_of("u-9")) == []


def test_the_newest_card_is_shown_and_no_version_made(made: Stores) -> None:
    def show(version: int, name: str | None) -> bool:
        return made.members.show("t-1", "u-2", Shown(name, f"{version}@acme.example", version))

    assert [show(2, "Second"), show(1, "First"), show(2, "Second")] == [True, False, False]
    assert (stored(made).name, stored(made).email) == ("Second", "2@acme.example")
    assert show(3, None)
    assert (stored(made).name, stored(made).entity_version) == (None, 1)
    assert not made.members.show("t-1", "u-9", Shown("Nobody", "n@acme.example", 1))


def test_whom_the_platform_suspends_is_marked_and_a_change_leaves_the_mark(made: Stores) -> None:
    before = stored(made)
    assert not before.barred

    made.members.show("t-1", "u-2", Shown("Bob", "b@acme.example", 1, is_suspended=True))
    assert stored(made).barred
    made.members.save(change(before, role=Role.ADMIN))
    assert stored(made).barred

    made.members.show("t-1", "u-2", Shown("Bob", "b@acme.example", 2))
    assert not stored(made).barred


def test_the_organisations_of_a_suspended_person_are_not_listed(made: Stores) -> None:
    made.operator("u-2", False)
    with pytest.raises(ForbiddenError):
        made.organizations.memberships("u-2", 10, None)

    made.operator("u-2", True)
    assert len(made.organizations.memberships("u-2", 10, None)[0]) == 1


def test_who_was_removed_is_shown_no_more(made: Stores) -> None:
    card = Shown("Bob", "bob@acme.example", 5)
    made.members.show("t-1", "u-2", card)
    removed = change(stored(made), status=MemberStatus.REMOVED, email=None)
    made.members.save(removed)

    assert not made.members.show("t-1", "u-2", Shown("Bob", "new@acme.example", 6))
    assert (stored(made).name, stored(made).email) == ("Bob", None)


def test_a_change_leaves_what_was_shown_meanwhile(made: Stores) -> None:
    before = stored(made)
    made.members.show("t-1", "u-2", Shown("Bob", "bob@acme.example", 5))

    made.members.save(change(before, role=Role.ADMIN))

    assert (stored(made).name, stored(made).role) == ("Bob", Role.ADMIN)
