"""Seats and members as writes, in whatever transaction they are put."""

import pytest

from tenantry.messaging.event import Event
from tenantry.messaging.stamp import Cause, Stamp
from tenantry.organizations import seats
from tenantry.organizations.model import Member
from tenantry.persistence.items import Item
from tenantry.persistence.keys import member_key, organization_key
from tenantry.persistence.table import ConditionFailedError
from tenantry.persistence.writes import Change, Create, Write
from tenantry.tenancy.access import MemberStatus
from tenantry.tenancy.roles import Role
from tests.support.clock import START
from tests.support.fakes.table import InMemoryTable

STATUSES = (MemberStatus.ACTIVE, MemberStatus.SUSPENDED, MemberStatus.REMOVED)


@pytest.fixture
def table() -> InMemoryTable:
    """An organisation of one owner."""
    table = InMemoryTable()
    table.write(
        Create(
            organization_key("acme"),
            {"status": "ACTIVE", "plan": "FREE", "used_users": 1, "owners": 1},
        )
    )
    table.write(Create(member_key("acme", "ada"), seats.member_item(member("ada", Role.OWNER))))
    return table


def member(
    user_id: str, role: Role = Role.MEMBER, status: MemberStatus = MemberStatus.ACTIVE
) -> Member:
    return Member(tenant_id="acme", user_id=user_id, role=role, status=status, joined_at=START)


def event(stamp: Stamp, user_id: str = "bob", role: Role = Role.MEMBER) -> Event:
    return stamp.event(seats.joined("acme", user_id, role, "invitation"), Cause())


def joining(stamp: Stamp, after: int | None = None, role: Role = Role.MEMBER) -> Create | Change:
    told = event(stamp, role=role)
    return seats.join("acme", "bob", role, START, told, email="bob@acme.example", after=after)


def stored(table: InMemoryTable, user_id: str = "bob") -> Item:
    item = table.get(member_key("acme", user_id))
    assert item is not None
    return item


def counted(table: InMemoryTable) -> tuple[int, int]:
    item = table.get(organization_key("acme"))
    assert item is not None
    return item["used_users"], item["owners"]


def refused(table: InMemoryTable, *writes: Write) -> tuple[int, ...]:
    with pytest.raises(ConditionFailedError) as failure:
        table.transact(writes)
    return failure.value.failures


def test_a_seat_is_reserved_up_to_the_limit_and_given_back(table: InMemoryTable) -> None:
    reserve = seats.reserve("acme", limit=2, require={"status": "ACTIVE", "plan": "FREE"})
    table.transact([reserve])

    assert refused(table, reserve) == (0,)
    table.transact([seats.release("acme")])
    assert counted(table) == (1, 1)
    table.transact([seats.release("acme")])
    assert refused(table, seats.release("acme")) == (0,)


@pytest.mark.parametrize("require", [{"status": "SUSPENDED"}, {"plan": "STARTER"}])
def test_no_seat_is_reserved_once_the_organisation_is_another(
    table: InMemoryTable, require: dict[str, str]
) -> None:
    assert refused(table, seats.reserve("acme", limit=None, require=require)) == (0,)


def test_somebody_joins_on_a_seat_that_is_reserved(table: InMemoryTable, stamp: Stamp) -> None:
    table.transact([joining(stamp), seats.admit("acme", Role.MEMBER)])

    assert counted(table) == (1, 1)
    assert (stored(table)["role"], stored(table)["email"]) == ("MEMBER", "bob@acme.example")
    assert [told["type"] for told in stored(table)["events"]] == ["MemberJoined"]


def test_an_owner_who_joins_is_counted(table: InMemoryTable, stamp: Stamp) -> None:
    table.transact([joining(stamp, role=Role.OWNER), seats.admit("acme", Role.OWNER)])

    assert counted(table) == (1, 2)


@pytest.mark.parametrize("role", [Role.OWNER, Role.MEMBER])
def test_nobody_joins_a_suspended_organisation(
    table: InMemoryTable, stamp: Stamp, role: Role
) -> None:
    table.write(Change(organization_key("acme"), 1, {"status": "SUSPENDED"}, ()))

    assert refused(table, joining(stamp, role=role), seats.admit("acme", role)) == (1,)


def test_who_is_a_member_does_not_join_again(table: InMemoryTable, stamp: Stamp) -> None:
    table.transact([joining(stamp)])

    with pytest.raises(ConditionFailedError) as failure:
        table.transact([joining(stamp)])
    assert seats.ended_version(failure.value.items[0]) is None
    assert refused(table, joining(stamp, after=1)) == (0,)


def test_who_was_removed_joins_again_as_somebody_new(table: InMemoryTable, stamp: Stamp) -> None:
    table.transact([joining(stamp, role=Role.ADMIN)])
    ended = {"status": "REMOVED", "extra_permissions": ["activity:read"], "profile_version": 7}
    ended |= {"removed_at": "2026-03-02T09:00:00+00:00"}
    table.write(Change(member_key("acme", "bob"), 1, ended, ()))

    with pytest.raises(ConditionFailedError) as failure:
        table.transact([joining(stamp)])
    after = seats.ended_version(failure.value.items[0])
    table.transact([joining(stamp, after=after)])

    assert after == 2
    bob = stored(table)
    assert (bob["role"], bob["status"], bob["entity_version"]) == ("MEMBER", "ACTIVE", 3)
    assert not {"extra_permissions", "profile_version", "removed_at"} & set(bob)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("status", STATUSES)
def test_who_vouches_is_an_active_member_of_one_of_the_roles(
    table: InMemoryTable, stamp: Stamp, role: Role, status: MemberStatus
) -> None:
    table.write(Create(member_key("acme", "eve"), seats.member_item(member("eve", role, status))))
    writes = joining(stamp), seats.vouch("acme", "eve", {Role.OWNER, Role.ADMIN})

    if status is MemberStatus.ACTIVE and role in (Role.OWNER, Role.ADMIN):
        table.transact(writes)
    else:
        assert refused(table, *writes) == (1,)


def test_nobody_vouches_who_is_not_there(table: InMemoryTable, stamp: Stamp) -> None:
    assert refused(table, joining(stamp), seats.vouch("acme", "eve", Role)) == (1,)


@pytest.mark.parametrize("after_role", Role)
@pytest.mark.parametrize("after_status", STATUSES)
@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("status", STATUSES)
def test_a_change_moves_the_counters_by_what_it_changes(
    status: MemberStatus, role: Role, after_status: MemberStatus, after_role: Role
) -> None:
    before, after = member("bob", role, status), member("bob", after_role, after_status)

    count = seats.moved((before, after))

    steps = {step.attribute: step.by for step in count.steps} if count else {}
    held = [each.status in ("ACTIVE", "SUSPENDED") for each in (before, after)]
    led = [each.status == "ACTIVE" and each.role == "OWNER" for each in (before, after)]
    assert steps.get("used_users", 0) == held[1] - held[0]
    assert steps.get("owners", 0) == led[1] - led[0]
    assert count is None or 0 not in steps.values()


def test_an_owner_in_the_place_of_another_moves_no_counter() -> None:
    changes = (
        (member("ada", Role.OWNER), member("ada", Role.ADMIN)),
        (member("bob"), member("bob", Role.OWNER)),
    )

    assert seats.moved(*changes) is None


def test_the_last_owner_stays(table: InMemoryTable) -> None:
    for after in (
        member("ada", Role.ADMIN),
        member("ada", Role.OWNER, MemberStatus.SUSPENDED),
        member("ada", Role.OWNER, MemberStatus.REMOVED),
    ):
        count = seats.moved((member("ada", Role.OWNER), after))
        assert count is not None
        assert refused(table, count) == (0,)
    assert counted(table) == (1, 1)
