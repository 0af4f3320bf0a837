"""Support sessions: one at a time for each operator, kept for good."""

from datetime import timedelta

import pytest

from tenantry.errors import ConflictError
from tenantry.organizations.model import SupportSession
from tests.contracts.organizations.conftest import Stores
from tests.contracts.organizations.test_organization_repository import event, member, organization
from tests.support.clock import START

NEXT = START + timedelta(hours=1)


@pytest.fixture
def made(stores: Stores) -> Stores:
    """An organisation, and the operator root."""
    stores.organizations.create(organization(), member(), event(), event())
    stores.operator("root", True)
    return stores


def session(number: int, operator: str = "root") -> SupportSession:
    return SupportSession(
        tenant_id="t-1",
        session_id=f"s-{number}",
        operator_id=operator,
        reason="ticket 42",
        opened_at=START,
        expires_at=START + timedelta(minutes=30),
    )


def current(stores: Stores, operator: str = "root") -> SupportSession | None:
    return stores.organizations.acting("t-1", operator, operator=True).support


def test_a_session_is_read_with_its_operator_and_with_nobody_else(made: Stores) -> None:
    made.support.open(session(1), event(), None, None)

    assert current(made) == session(1)
    assert current(made, "second") is None
    assert made.organizations.acting("t-1", "root").support is None


def test_a_suspended_operators_session_is_not_read(made: Stores) -> None:
    made.support.open(session(1), event(), None, None)

    made.operator("root", False)

    assert current(made) is None


def test_an_operator_has_one_at_a_time(made: Stores) -> None:
    made.support.open(session(1), event(), None, None)

    with pytest.raises(ConflictError):
        made.support.open(session(2), event(), None, None)
    assert made.support.page("t-1", None, 9) == ([session(1)], False)


def test_a_closed_session_makes_room_for_the_next(made: Stores) -> None:
    made.support.open(session(1), event(), None, None)
    closed = session(1).closed(START + timedelta(minutes=5))
    made.support.close(session(1), closed, event())
    last = current(made)
    assert last is not None
    assert last.closed_at == START + timedelta(minutes=5)

    made.support.open(session(2), event(), last, None)

    assert current(made) == session(2)
    with pytest.raises(ConflictError):
        made.support.close(session(1), closed, event())


def test_an_expired_session_is_closed_with_the_next_one(made: Stores) -> None:
    made.support.open(session(1), event(), None, None)
    expired = event().model_copy(update={"occurred_at": NEXT})

    made.support.open(session(2), event(), session(1), expired)

    newest, first = made.support.page("t-1", None, 9)[0]
    assert newest == session(2)
    assert (first.closed_at, first.entity_version) == (first.expires_at, 2)


def test_of_two_who_open_in_its_place_one_does(made: Stores) -> None:
    made.support.open(session(1), event(), None, None)
    expired = event().model_copy(update={"occurred_at": NEXT})
    made.support.open(session(2), event(), session(1), expired)

    with pytest.raises(ConflictError):
        made.support.open(session(3), event(), session(1), event())
    assert current(made) == session(2)


def test_what_is_done_again_after_a_lost_answer_is_done_once(made: Stores) -> None:
    opened, ended = event(), event()
    closed = session(1).closed(START)
    for _ in range(2):
        made.support.open(session(1), opened, None, None)
    for _ in range(2):
        made.support.close(session(1), closed, ended)

    assert made.support.page("t-1", None, 9) == ([closed], False)


def test_what_has_expired_is_due_until_it_is_closed(made: Stores) -> None:
    for number in range(3):
        made.operator(f"root-{number}", True)
        made.support.open(session(number, f"root-{number}"), event(), None, None)
    made.support.close(session(2, "root-2"), session(2, "root-2").closed(START), event())

    ends = session(1).expires_at
    assert list(made.support.due(ends - timedelta(seconds=1), 9)) == []
    due = list(made.support.due(ends, 9))
    assert due == [session(0, "root-0"), session(1, "root-1")]
    assert list(made.support.due(NEXT, 1)) == due[:1]

    for before in (session(0, "root-0"), session(1, "root-1")):
        made.support.close(before, before.closed(NEXT), event())
    assert list(made.support.due(NEXT, 9)) == []


def test_what_the_next_session_ended_is_not_due(made: Stores) -> None:
    made.support.open(session(1), event(), None, None)
    expired = event().model_copy(update={"occurred_at": NEXT})
    later = session(2).model_copy(update={"expires_at": NEXT + timedelta(minutes=30)})

    made.support.open(later, event(), session(1), expired)

    assert list(made.support.due(NEXT, 9)) == []


def test_sessions_come_newest_first_in_pages(made: Stores) -> None:
    for number in range(5):
        made.operator(f"root-{number}", True)
        made.support.open(session(number, f"root-{number}"), event(), None, None)

    first, more = made.support.page("t-1", None, 3)
    rest, end = made.support.page("t-1", first[-1].session_id, 3)

    assert ([s.session_id for s in first], more) == (["s-4", "s-3", "s-2"], True)
    assert ([s.session_id for s in rest], end) == (["s-1", "s-0"], False)
