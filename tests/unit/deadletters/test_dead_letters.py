"""What operators may do with what was given up."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from tenantry.deadletters.model import Kind, Moved, Place
from tenantry.deadletters.service import DeadLetterService
from tenantry.errors import ForbiddenError, InvalidInputError, NotFoundError
from tenantry.messaging.event import Event
from tenantry.messaging.stamp import Stamp
from tenantry.tenancy.caller import Caller
from tests.support.fakes.organizations import FakeOperators

OLGA = Caller(user_id="olga", groups=frozenset({"SuperAdmin"}))
QUEUE = Place("shop-audit-dead-letters", Kind.DEAD_LETTERS, 3)


@dataclass
class FakePlaces:
    """One queue, whose messages go back but for one."""

    asked: list[int] = field(default_factory=list)

    def places(self) -> list[Place]:
        return [QUEUE]

    def redrive(self, place: Place, most: int) -> Moved:
        self.asked.append(most)
        waiting = min(place.waiting, most)
        return Moved(place.name, waiting, waiting - 1, 1, ("KeyError: canary", "KeyError: other"))


@dataclass
class FakeRedrives:
    kept: list[tuple[str, Moved, Event]] = field(default_factory=list)

    def keep(self, redrive_id: str, moved: Moved, event: Event) -> None:
        self.kept.append((redrive_id, moved, event))


@pytest.fixture
def places() -> FakePlaces:
    return FakePlaces()


@pytest.fixture
def redrives() -> FakeRedrives:
    return FakeRedrives()


@pytest.fixture
def service(places: FakePlaces, redrives: FakeRedrives, stamp: Stamp) -> DeadLetterService:
    return DeadLetterService(FakeOperators(), places, redrives, stamp)


def test_operators_see_what_waits(service: DeadLetterService) -> None:
    assert service.waiting(OLGA) == [QUEUE]


def test_an_operator_sends_back_and_it_is_told(
    service: DeadLetterService, redrives: FakeRedrives
) -> None:
    moved = service.redrive(OLGA, {"name": QUEUE.name})

    assert (moved.moved, moved.stayed) == (2, 1)
    [(_, kept, event)] = redrives.kept
    assert kept == moved
    assert event.actor.id == "olga"
    assert event.actor.kind == "operator"
    assert event.data == {"place": QUEUE.name, "moved": 2, "stayed": 1}


def test_what_is_moved_at_once_is_bounded(service: DeadLetterService, places: FakePlaces) -> None:
    service.redrive(OLGA, {"name": QUEUE.name, "most": 2})
    service.redrive(OLGA, {"name": QUEUE.name})
    assert places.asked == [2, 50]
    for most in (0, 201, True, "many"):
        with pytest.raises(InvalidInputError):
            service.redrive(OLGA, {"name": QUEUE.name, "most": most})


def test_causes_are_told_by_their_kind_only(service: DeadLetterService) -> None:
    assert service.redrive(OLGA, {"name": QUEUE.name}).kinds == ("KeyError",)


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"name": "shop-orders"}, NotFoundError),
        ({"name": "../x"}, InvalidInputError),
        ({}, InvalidInputError),
    ],
)
def test_only_places_of_dead_letters_are_reached(
    service: DeadLetterService,
    places: FakePlaces,
    values: dict[str, Any],
    error: type[Exception],
) -> None:
    with pytest.raises(error):
        service.redrive(OLGA, values)
    assert places.asked == []


def test_nobody_else_sees_or_moves_anything(service: DeadLetterService, places: FakePlaces) -> None:
    caller = Caller(user_id="ada", tenant_id="acme", groups=frozenset({"OrgAdmin"}))
    with pytest.raises(ForbiddenError):
        service.waiting(caller)
    with pytest.raises(ForbiddenError):
        service.redrive(caller, {"name": QUEUE.name})
    assert places.asked == []
