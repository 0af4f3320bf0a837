"""Support sessions: an operator acts for an organisation, seen, for a time, and within bounds."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tenantry.errors import (
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    NotAMemberError,
    NotFoundError,
)
from tenantry.organizations.model import SupportStatus
from tenantry.organizations.support import SupportSweep, Swept
from tenantry.tenancy.access import MemberStatus
from tenantry.tenancy.caller import Caller
from tenantry.tenancy.roles import Role
from tests.support.clock import FakeClock
from tests.unit.organizations.conftest import World


def opened(world: World, operator: Caller, owner: Caller, minutes: int = 30) -> Caller:
    """The operator in a session, acting on the owner's organisation."""
    world.support.open(operator, owner.organization_id, "ticket 42", minutes)
    return operator.model_copy(update={"tenant_id": owner.tenant_id})


def test_an_operator_reaches_an_organisation_in_a_session_only(
    world: World, operator: Caller
) -> None:
    owner = world.founded()
    root = operator.model_copy(update={"tenant_id": owner.tenant_id})
    with pytest.raises(NotAMemberError):
        world.service.read(root)

    opened(world, operator, owner)
    assert world.service.update(root, {"name": "Mended"}).name == "Mended"
    world.support.close(operator, owner.organization_id)

    with pytest.raises(NotAMemberError):
        world.service.read(root)
    assert world.told()[2:] == [
        "SupportSessionOpened",
        "OrganizationUpdated",
        "SupportSessionClosed",
    ]


def test_what_is_done_in_a_session_says_so(world: World, operator: Caller) -> None:
    owner = world.founded()
    session = world.support.open(operator, owner.organization_id, "ticket 42", 30)

    world.service.update(operator.model_copy(update={"tenant_id": owner.tenant_id}), {"name": "X"})

    actor = world.organizations.events[-1].actor
    assert (actor.id, actor.kind, actor.role) == ("root", "operator", "ADMIN")
    assert actor.on_behalf_of == session.session_id


def test_an_expired_session_opens_nothing_though_nobody_closed_it(
    world: World, operator: Caller, clock: FakeClock
) -> None:
    owner = world.founded()
    root = opened(world, operator, owner, minutes=30)

    clock.advance(timedelta(minutes=30) - timedelta(microseconds=1))
    assert world.service.read(root).name == "Acme"
    clock.advance(timedelta(microseconds=1))

    with pytest.raises(NotAMemberError):
        world.service.read(root)
    [session] = world.support.page(owner, None, None).items
    assert session.status(clock()) is SupportStatus.EXPIRED


def test_opening_the_next_one_closes_what_has_expired(
    world: World, operator: Caller, clock: FakeClock
) -> None:
    owner = world.founded()
    opened(world, operator, owner, minutes=30)
    clock.advance(timedelta(hours=2))

    opened(world, operator, owner)

    latest, first = world.support.page(owner, None, None).items
    assert latest.status(clock()) is SupportStatus.OPEN
    assert first.closed_at == first.expires_at
    closed = next(e for e in world.organizations.events if e.type == "SupportSessionClosed")
    assert closed.data["how"] == "expiry"


def test_one_session_at_a_time(world: World, operator: Caller) -> None:
    owner = world.founded()
    opened(world, operator, owner)
    other = operator.model_copy(update={"user_id": "second"})
    opened(world, other, owner)
    world.support.close(operator, owner.organization_id)
    opened(world, operator, owner)

    assert len(world.support.page(owner, None, None).items) == 3


def test_opening_again_answers_the_session_there_is_and_makes_it_no_longer(
    world: World, operator: Caller, clock: FakeClock
) -> None:
    owner = world.founded()
    first = world.support.open(operator, owner.organization_id, "ticket 42", 30)
    clock.advance(timedelta(minutes=5))

    again = world.support.open(operator, owner.organization_id, "ticket 43", 240)

    assert again == first
    assert world.told().count("SupportSessionOpened") == 1


def test_a_sweep_closes_what_has_expired_and_nothing_else(
    world: World, operator: Caller, clock: FakeClock
) -> None:
    owner, other = world.founded(), world.founded("Other", "eve")
    opened(world, operator, owner, minutes=30)
    opened(world, operator, other, minutes=240)
    closed_by_hand = operator.model_copy(update={"user_id": "second"})
    opened(world, closed_by_hand, owner, minutes=30)
    world.support.close(closed_by_hand, owner.organization_id)
    assert world.sweep.run() == Swept()
    clock.advance(timedelta(minutes=33))

    assert world.sweep.run() == Swept(closed=1)
    assert world.sweep.run() == Swept()

    event = world.organizations.events[-1]
    assert (event.type, event.data["how"], event.actor.kind) == (
        "SupportSessionClosed",
        "expiry",
        "system",
    )
    [_, first] = sorted(
        world.support.page(owner, None, None).items, key=lambda s: s.operator_id, reverse=True
    )
    assert first.closed_at == first.expires_at
    assert world.support.close(operator, owner.organization_id).closed_at == first.closed_at
    opened(world, operator, owner)


def test_a_sweep_is_bounded_and_the_next_one_goes_on(
    world: World, operator: Caller, clock: FakeClock
) -> None:
    owner = world.founded()
    for number in range(7):
        opened(world, operator.model_copy(update={"user_id": f"root-{number}"}), owner)
    clock.advance(timedelta(hours=1))
    sweep = SupportSweep(world.sessions, world.stamp, most=3)

    assert sweep.run(lambda: False) == Swept(left=True)
    runs = [sweep.run() for _ in range(4)]

    assert [(run.closed, run.left) for run in runs] == [
        (3, True),
        (3, True),
        (1, False),
        (0, False),
    ]


def test_a_session_that_cannot_be_read_keeps_no_other_open(
    world: World, operator: Caller, clock: FakeClock
) -> None:
    owners = [world.founded(f"Acme {n}", f"ada-{n}") for n in range(3)]
    for owner in owners:
        opened(world, operator, owner)
    clock.advance(timedelta(hours=1))
    world.sessions.broken.add(owners[0].organization_id)
    reported: list[str] = []
    sweep = SupportSweep(world.sessions, world.stamp, report=lambda _, own: reported.append(own))

    assert sweep.run() == Swept(closed=2)
    assert reported == [owners[0].organization_id]


def test_a_sweep_that_comes_second_closes_nothing(
    world: World, operator: Caller, clock: FakeClock
) -> None:
    owner = world.founded()
    opened(world, operator, owner)
    clock.advance(timedelta(hours=1))
    seen = list(world.sessions.due(clock(), 9))
    world.support.close(operator, owner.organization_id)
    world.sessions.due = lambda *_: iter(seen)  # type: ignore[method-assign] # as read before

    assert world.sweep.run() == Swept()
    assert world.told().count("SupportSessionClosed") == 1


def test_a_suspended_session_is_worth_nothing(world: World, operator: Caller) -> None:
    owner = world.founded()
    root = opened(world, operator, owner)
    world.operators.suspended.add("root")
    world.organizations.suspended.add("root")

    with pytest.raises(NotAMemberError):
        world.service.read(root)
    decides: list[Callable[[], object]] = [
        lambda: opened(world, operator, owner),
        lambda: world.support.close(operator, owner.organization_id),
    ]
    for decide in decides:
        with pytest.raises(ForbiddenError):
            decide()


def test_who_is_no_operator_any_more_acts_no_longer(world: World, operator: Caller) -> None:
    owner = world.founded()
    root = opened(world, operator, owner)

    with pytest.raises(NotAMemberError):
        world.service.read(root.model_copy(update={"groups": frozenset()}))


def test_only_operators_open_and_close(world: World) -> None:
    owner = world.founded()

    with pytest.raises(ForbiddenError):
        world.support.open(owner, owner.organization_id, "because", 30)
    with pytest.raises(ForbiddenError):
        world.support.close(owner, owner.organization_id)


@pytest.mark.parametrize(
    ("organization_id", "reason", "minutes", "field"),
    [
        ("a#b", "ticket", 30, "organizationId"),
        ("acme", " ", 30, "reason"),
        ("acme", "ticket", 0, "minutes"),
        ("acme", "ticket", 241, "minutes"),
    ],
)
def test_a_session_has_a_reason_and_an_end(
    world: World, operator: Caller, organization_id: str, reason: str, minutes: int, field: str
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        world.support.open(operator, organization_id, reason, minutes)

    assert [fault["field"] for fault in refused.value.faults] == [field]


def test_there_is_no_session_where_there_is_no_organisation(world: World, operator: Caller) -> None:
    with pytest.raises(NotFoundError):
        world.support.open(operator, "no-such", "ticket", 30)
    with pytest.raises(NotFoundError):
        world.support.close(operator, world.founded().organization_id)


def test_a_member_acts_as_one_and_not_in_a_session(world: World, operator: Caller) -> None:
    owner = world.founded()
    root = opened(world, operator, owner)
    world.joined(owner, "root", Role.VIEWER)

    with pytest.raises(ForbiddenError):
        world.service.update(root, {"name": "Mine"})
    world.support.close(operator, owner.organization_id)
    with pytest.raises(ConflictError):
        opened(world, operator, owner)


def test_a_session_reaches_no_owner_and_hands_nothing_over(world: World, operator: Caller) -> None:
    owner = world.founded()
    world.joined(owner, "bob", Role.ADMIN)
    root = opened(world, operator, owner)

    changes: list[Callable[[], object]] = [
        lambda: world.members.update_role(root, "ada", "ADMIN"),
        lambda: world.members.update_role(root, "bob", "OWNER"),
        lambda: world.members.suspend(root, "ada"),
        lambda: world.members.remove(root, "ada"),
        lambda: world.members.update_permissions(root, "ada", ["activity:read"]),
        lambda: world.members.transfer(root, "bob"),
        lambda: world.members.leave(root),
        lambda: world.members.remove(root, "root"),
    ]
    for change in changes:
        with pytest.raises(ForbiddenError):
            change()
    assert world.members.update_role(root, "bob", "VIEWER").role is Role.VIEWER


@pytest.mark.parametrize("role", Role)
def test_admins_see_who_was_there_and_why(world: World, operator: Caller, role: Role) -> None:
    owner = world.founded()
    opened(world, operator, owner)
    eve = world.joined(owner, "eve", role)

    if role in (Role.OWNER, Role.ADMIN):
        [session] = world.support.page(eve, None, None).items
        assert (session.operator_id, session.reason) == ("root", "ticket 42")
    else:
        with pytest.raises(ForbiddenError):
            world.support.page(eve, None, None)


def test_sessions_come_newest_first_in_pages(world: World, operator: Caller) -> None:
    owner = world.founded()
    made = []
    for _ in range(3):
        opened(world, operator, owner)
        made.append(world.support.close(operator, owner.organization_id).session_id)

    first = world.support.page(owner, 2, None)
    rest = world.support.page(owner, 2, first.next_cursor)

    seen: list[Any] = [session.session_id for session in (*first.items, *rest.items)]
    assert seen == made[::-1]
    assert rest.next_cursor is None


def test_closing_twice_is_told_once(world: World, operator: Caller) -> None:
    owner = world.founded()
    opened(world, operator, owner)

    first = world.support.close(operator, owner.organization_id)
    again = world.support.close(operator, owner.organization_id)

    assert first.closed_at == again.closed_at
    assert world.told().count("SupportSessionClosed") == 1


@pytest.mark.parametrize("status", [MemberStatus.REMOVED, MemberStatus.SUSPENDED])
def test_a_membership_that_has_ended_does_not_stand_in_the_way(
    world: World, operator: Caller, status: MemberStatus
) -> None:
    owner = world.founded()
    world.joined(owner, "root", Role.ADMIN, status)

    if status is MemberStatus.REMOVED:
        assert world.service.read(opened(world, operator, owner)).name == "Acme"
    else:
        with pytest.raises(ConflictError):
            opened(world, operator, owner)
