"""What organisations have stored is measured every day, and their counters are set to it."""

import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tenantry
from tenantry.errors import (
    OrganizationMovingError,
    UnavailableError,
    UnknownRouteError,
)
from tenantry.messaging.stamp import Stamp
from tenantry.organizations.model import PLANS, PlanName
from tenantry.organizations.room import Room, going, held, settled
from tenantry.persistence.keys import organization_key
from tenantry.persistence.table import ConditionFailedError
from tenantry.persistence.writes import Assign, Create
from tenantry.tenancy.access import MemberStatus, OrganizationStatus, Standing
from tenantry.tenancy.roles import Role
from tenantry.tenancy.router import Routed
from tenantry.tenancy.stored import (
    Area,
    Measuring,
    Metered,
    Stored,
    TenantMeter,
    page_reply,
    pages_of,
)
from tenantry.usage.dynamodb import DynamoDBUsage
from tenantry.usage.dynamodb_storage import DynamoDBMetering
from tenantry.usage.service import Sweep
from tenantry.usage.storage import Counter, StorageMetering, Tally
from tests.support.clock import START, FakeClock, FakeIds
from tests.support.fakes.stored import FakeMeter
from tests.support.fakes.table import InMemoryTable
from tests.support.fakes.usage import InMemoryProgress, InMemoryRegister

RAW, PROCESSED = Area.RAW, Area.PROCESSED
DAY = timedelta(days=1)


def standing(tenant_id: str) -> Standing:
    return Standing(
        tenant_id=tenant_id,
        user_id="ada",
        role=Role.OWNER,
        member_status=MemberStatus.ACTIVE,
        organization_status=OrganizationStatus.ACTIVE,
        plan="FREE",
    )


@dataclass
class World:
    clock: FakeClock
    table: InMemoryTable = field(default_factory=InMemoryTable)
    meters: dict[str, FakeMeter] = field(default_factory=dict)
    refuses: dict[str, Exception] = field(default_factory=dict)
    left: list[tuple[str, str]] = field(default_factory=list)
    pages: int = 1000
    """That one run has time for, and each organisation in its turn."""
    turn: int = 1000

    def __post_init__(self) -> None:
        self.stamp = Stamp(self.clock, FakeIds())
        self.store = DynamoDBMetering(self.table)
        self.usage = DynamoDBUsage(self.table)
        self.progress = InMemoryProgress()

    def found(self, tenant_id: str, *sizes: int, **fields: Any) -> FakeMeter:
        item = {
            "entity_type": "Organization",
            "entity_id": tenant_id,
            "tenant_id": tenant_id,
            "name": tenant_id,
            "slug": tenant_id,
            "founder_id": "ada",
            "status": "ACTIVE",
            "plan": "FREE",
            "created_at": START.isoformat(),
            "updated_at": START.isoformat(),
            **fields,
        }
        self.table.write(Create(organization_key(tenant_id), item))
        self.meters[tenant_id] = FakeMeter({RAW: list(sizes)})
        return self.meters[tenant_id]

    def run(self, *, anew: bool = True) -> Tally:
        left = self.pages

        def may_go_on() -> bool:
            nonlocal left
            left -= 1
            return left >= 0

        def is_early() -> bool:
            return left > self.pages // 2 and may_go_on()

        metering = StorageMetering(
            self.usage,
            self.store,
            self._meter,
            self.stamp,
            may_go_on,
            lambda what, tenant_id: self.left.append((what, tenant_id)),
            turn=self.turn,
        )
        register = InMemoryRegister(set(self.meters))
        sweep = Sweep("meter-storage", register, self.progress, self.stamp, DAY, at_once=1)
        self.done = metering.run(sweep, is_early, anew=anew)
        return metering.tally

    def _meter(self, organization: Routed) -> TenantMeter:
        if error := self.refuses.get(organization.tenant_id):
            raise error
        return self.meters[organization.tenant_id]

    def counter(self, tenant_id: str = "t-1") -> int | None:
        found = self.table.get(organization_key(tenant_id))
        assert found
        value: int | None = found.get("used_storage")
        return value

    def hold(self, amount: int, room_id: str = "r-1") -> Room:
        """As a context does that keeps files, before it signs a form."""
        until = self.clock() + timedelta(hours=1)
        room = Room(tenant_id="t-1", room_id=room_id, bytes=amount, until=until)
        self.table.transact(held(standing("t-1"), room))
        return room

    def comes(self, size: int) -> None:
        """An object that is uploaded, and known."""
        room = self.hold(size)
        self.meters["t-1"].current.setdefault(RAW, []).append(size)
        self.table.transact(settled(room, size))

    def goes(self, size: int) -> None:
        room = Room(tenant_id="t-1", room_id="r-1", bytes=size, until=self.clock() + DAY)
        self.table.transact(going(room))
        self.meters["t-1"].current[RAW].remove(size)
        self.table.transact(settled(room))

    def drift(self, by: int) -> None:
        """As by a fault of ours, of which nobody knows."""
        item = self.table.get(organization_key("t-1"))
        assert item
        self.table.put({**item, "used_storage": item.get("used_storage", 0) + by})

    def measured(self, tenant_id: str) -> Metered | None:
        found, _ = self.store.page(tenant_id, 1, None)
        return found[0] if found else None

    def latest(self, tenant_id: str = "t-1") -> Metered:
        found = self.measured(tenant_id)
        assert found
        return found

    def events(self) -> list[str]:
        return [e["type"] for item in self.table.items.values() for e in item.get("events", [])]


@pytest.fixture
def world(clock: FakeClock) -> World:
    return World(clock)


def test_all_that_lies_there_is_counted_by_area_and_whether_it_is_current(world: World) -> None:
    meter = world.found("t-1", 5, 7, 9)
    meter.current[PROCESSED] = [100]
    meter.old[RAW] = [1, 2]

    tally = world.run()

    found = world.latest()
    assert found.of(RAW) == Stored(objects=3, bytes=21, old_versions=2, old_bytes=3)
    assert found.of(PROCESSED) == Stored(objects=1, bytes=100)
    assert found.total == Stored(objects=4, bytes=121, old_versions=2, old_bytes=3)
    assert (found.day, found.measured_at) == (START.date(), START)
    assert (tally.organizations, tally.bytes, tally.old_bytes) == (1, 121, 3)


def test_the_counter_is_what_lies_there_though_nobody_counts_uploads(world: World) -> None:
    meter = world.found("t-1", 5, 7)
    meter.old[RAW] = [1000]
    world.run()
    assert world.counter() == 12

    meter.current[RAW] = [5]
    world.clock.advance(DAY)
    world.run()

    assert world.counter() == 5
    assert world.events() == []


def test_each_day_keeps_its_own_and_the_same_day_the_latest(world: World) -> None:
    meter = world.found("t-1", 1)
    world.run()
    meter.current[RAW] = [2]
    world.run()
    world.clock.advance(DAY)
    meter.current[RAW] = [3]
    world.run()

    newest, cursor = pages_of(world.store, "t-1", 1, None)
    before, none = pages_of(world.store, "t-1", 5, cursor)
    found = [*newest, *before]
    assert [each.total.bytes for each in found] == [3, 2]
    assert none is None
    assert [each["bytes"] for each in page_reply(found, None)["items"]] == [3, 2]
    rows = [item for (_pk, sk), item in world.table.items.items() if sk.startswith("STORAGE#")]
    assert all(row["purge_at"] > (START + 300 * DAY).timestamp() for row in rows)


def test_a_counter_that_a_context_moves_and_that_says_too_little_is_repaired_and_told(
    world: World,
) -> None:
    world.found("t-1", 10)
    world.comes(10)

    tally = world.run()

    assert world.counter() == 20
    assert world.events() == ["CounterDrifted"]
    assert tally.drifted == 1


def test_one_that_says_too_much_is_repaired_at_once_though_it_moves_every_day(
    world: World,
) -> None:
    world.found("t-1")
    for size in (10, 20):
        world.comes(size)
    world.drift(1000)
    world.run()
    assert world.counter() == 30
    assert world.events() == ["CounterDrifted"]

    world.clock.advance(DAY)
    world.goes(10)
    assert world.run().drifted == 0
    assert world.counter() == 20


def test_room_for_what_is_on_its_way_is_not_given_away(world: World) -> None:
    world.found("t-1")
    world.comes(10)
    room = world.hold(5)  # the form is signed, and nothing lies there yet
    assert world.run().drifted == 0
    assert world.counter() == 15

    world.meters["t-1"].current[RAW].append(4)  # it lies there, and nobody knows yet
    assert world.run().drifted == 0
    assert world.counter() == 15

    world.table.transact(settled(room, 4))
    assert world.run().drifted == 0
    assert (world.counter(), world.events()) == (14, [])


def test_what_goes_counts_until_it_is_settled(world: World) -> None:
    meter = world.found("t-1")
    world.comes(10)
    room = Room(tenant_id="t-1", room_id="r-2", bytes=10, until=world.clock() + DAY)
    world.table.transact(going(room))
    meter.current[RAW].remove(10)
    assert world.run().drifted == 0
    assert world.counter() == 10

    world.table.transact(settled(room))
    assert world.run().drifted == 0
    assert (world.counter(), world.events()) == (0, [])


def test_room_that_nobody_used_in_time_is_settled(world: World) -> None:
    world.found("t-1")
    world.comes(10)
    room = world.hold(5)
    world.clock.advance(DAY)
    assert world.run().drifted == 0
    assert (world.counter(), world.store.rooms("t-1"), world.events()) == (10, [], [])

    # Whoever comes late finds it settled, and gives nothing back twice.
    with pytest.raises(ConditionFailedError):
        world.table.transact(settled(room))
    assert world.counter() == 10


def test_a_counter_that_moves_while_it_is_measured_is_right_as_long_as_it_may_be(
    world: World,
) -> None:
    meter = world.found("t-1", 10, 10, 10)
    world.drift(30)
    meter.meanwhile = lambda: world.comes(1)

    tally = world.run()

    assert world.counter() == 30 + meter.pages
    assert (world.events(), tally.drifted) == ([], 0)


def test_one_that_moves_while_it_is_measured_and_says_far_too_much_is_repaired(
    world: World,
) -> None:
    meter = world.found("t-1", 10, 10, 10)
    world.drift(1030)
    meter.meanwhile = lambda: world.comes(1)

    tally = world.run()

    lies_there = 30 + meter.pages
    found = world.counter()
    assert found
    assert lies_there <= found <= lies_there + meter.pages
    assert (world.events(), tally.drifted) == (["CounterDrifted"], 1)


def test_one_that_moves_between_the_last_look_and_the_repair_is_looked_at_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.found("t-1", 10)
    world.drift(500)
    rooms = iter("abc")
    counter = world.store.counter

    def and_then_it_moves(tenant_id: str) -> Counter:
        seen = counter(tenant_id)
        if (room := next(rooms, None)) is not None:
            world.hold(1, room)
        return seen

    monkeypatch.setattr(world.store, "counter", and_then_it_moves)
    world.run()

    # Of the room that was given before objects were counted, a byte was counted twice.
    assert world.counter() in (13, 14)
    assert len(world.store.rooms("t-1")) == 3


def test_one_that_never_stands_still_is_left_to_the_next_round(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.found("t-1", 10)
    world.drift(500)
    counter = world.store.counter

    def and_then_it_moves(tenant_id: str) -> Counter:
        seen = counter(tenant_id)
        world.comes(1)
        return seen

    monkeypatch.setattr(world.store, "counter", and_then_it_moves)
    world.run()

    assert world.counter() == 500 + 6
    assert world.latest().total.bytes == 11
    assert [what for what, _ in world.left] == [
        "a counter moves too often to be set; the next round tries"
    ]


def test_storage_is_taken_with_room_and_in_no_other_way() -> None:
    """Who took it without a row would have it given away by the next measurement."""
    packages = Path(tenantry.__path__[0])
    knowing = {
        path.relative_to(packages).as_posix()
        for path in packages.rglob("*.py")
        if "Kind.STORAGE" in path.read_text()
    }
    assert knowing == {
        "organizations/counters.py",
        "organizations/room.py",
        "usage/storage.py",
    }


def test_no_object_has_more_room_than_was_held_for_it(world: World) -> None:
    world.found("t-1")
    room = world.hold(5)
    for size in (6, -1):
        with pytest.raises(ValueError, match="no room"):
            settled(room, size)
    with pytest.raises(ConditionFailedError):
        world.hold(PLANS[PlanName.FREE].max_storage or 0, "r-2")


def test_an_organisation_with_much_is_measured_over_many_runs(world: World) -> None:
    many = list(range(1, 42))
    world.found("t-1", *many)
    world.turn = 4
    world.pages = 9
    world.run()
    assert world.done.waiting == ("t-1",)
    runs = 1
    while world.done.waiting:
        world.clock.advance(timedelta(minutes=15))
        world.run(anew=False)
        runs += 1
        assert runs < 20

    assert world.latest().total == Stored(objects=41, bytes=sum(many))
    assert world.counter() == sum(many)
    assert runs > 2
    # Every page is counted once: what was counted is not counted again by the next run.
    assert world.meters["t-1"].pages == 21 + 1


def test_an_organisation_that_takes_days_holds_up_no_round(world: World) -> None:
    """Nor is it begun anew with each of them: it ends while the others are measured every day."""
    many = list(range(1, 101))
    world.found("t-1", *many)
    others = [f"t-{number}" for number in range(2, 6)]
    for number, tenant in enumerate(others):
        world.found(tenant, number)
    world.turn, world.pages = 5, 25

    for day in range(1, 20):
        world.run(anew=False)
        assert {world.latest(tenant).day for tenant in others} == {world.clock().date()}
        assert world.done.age == timedelta()
        if world.measured("t-1"):
            break
        assert world.done.longest == (day - 1) * DAY
        world.clock.advance(DAY)

    assert day > 2
    assert world.latest().total.bytes == sum(many)
    assert world.meters["t-1"].pages <= 50 + 1 + world.pages


def test_without_turns_the_round_would_be_held_up(world: World) -> None:
    """The twin of the test above: who takes all of the time leaves the others nothing."""
    world.found("t-1", *range(1, 101))
    world.found("t-2", 5)
    world.turn, world.pages = 1000, 25
    world.run()

    assert world.measured("t-2") is None
    assert not world.done.ended


def test_those_that_wait_have_turns_in_the_order_of_their_waiting(world: World) -> None:
    for tenant in ("t-1", "t-2"):
        world.found(tenant, *range(1, 41))
    world.turn, world.pages = 3, 12
    for _ in range(2):
        world.run()
        world.clock.advance(timedelta(minutes=15))

    counted = [world.meters[tenant].pages for tenant in ("t-1", "t-2")]
    assert max(counted) - min(counted) <= world.turn
    assert min(counted) > world.turn


def test_a_round_that_does_not_end_is_seen_to_grow_old(world: World) -> None:
    for number in range(1, 5):
        world.found(f"t-{number}", 5)
    world.pages = 1
    for hours in (0, 20, 20):
        world.clock.advance(timedelta(hours=hours))
        world.run(anew=False)

    assert not world.done.ended
    assert world.done.age == timedelta(hours=40)


def test_a_bucket_that_is_busy_is_tried_again_by_the_next_run_and_holds_nobody_up(
    world: World,
) -> None:
    meter = world.found("t-1", 1, 2, 3, 4)
    world.found("t-2", 7)

    def busy() -> None:
        raise UnavailableError("The tenant's bucket is busy.")

    meter.meanwhile = busy
    world.run()
    assert (world.done.ended, world.done.waiting) == (True, ("t-1",))
    assert world.latest("t-2").total.bytes == 7

    meter.meanwhile = lambda: None
    world.run(anew=False)
    assert not world.done.waiting
    assert world.latest().total.bytes == 10


@pytest.mark.parametrize("ends", ["it is taken away", "it is gone", "it moves"])
def test_nobody_waits_for_what_is_no_more_to_be_measured(world: World, ends: str) -> None:
    world.found("t-1", *range(1, 41))
    world.turn = 2
    world.pages = 3
    world.run()
    assert world.done.waiting == ("t-1",)

    if ends == "it is gone":
        world.table.delete(organization_key("t-1"))
    elif ends == "it moves":
        world.refuses["t-1"] = OrganizationMovingError("m")
    else:
        item = world.table.get(organization_key("t-1"))
        world.table.put({**(item or {}), "route": {"state": "deleted"}})
    world.run(anew=False)

    assert not world.done.waiting
    assert world.measured("t-1") is None


def test_what_moved_meanwhile_is_counted_anew_where_it_is_now(world: World) -> None:
    world.found("t-1", 1, 2, 3, 4)
    world.pages = 2
    world.run()
    assert world.done.waiting

    world.meters["t-1"] = FakeMeter({RAW: [10, 20, 3, 4]}, place="own-raw own-processed")
    world.pages = 100
    world.run(anew=False)

    assert world.latest().total == Stored(objects=4, bytes=37)


def test_what_stopped_long_ago_is_begun_anew(world: World) -> None:
    meter = world.found("t-1", 1, 2, 3, 4)
    world.pages = 2
    world.run()
    assert world.done.waiting
    meter.current[RAW] = [10, 20, 3, 4]
    world.clock.advance(3 * DAY)
    world.pages = 100
    world.run(anew=False)

    assert world.latest().total.bytes == 37


def test_one_that_cannot_be_measured_keeps_nobody_waiting(world: World) -> None:
    for number, error in enumerate(
        (OrganizationMovingError("m"), UnknownRouteError("u"), None), start=1
    ):
        world.found(f"t-{number}", 5)
        if error:
            world.refuses[f"t-{number}"] = error
    world.found("t-4", 5, route={"state": "deleted"})

    assert world.run().organizations == 1
    assert world.latest("t-3").total.bytes == 5
    assert [tenant for _, tenant in world.left] == ["t-2"]
    assert all(world.measured(f"t-{number}") is None for number in (1, 2, 4))


def test_room_that_cannot_be_read_keeps_nobody_waiting(world: World) -> None:
    for number in (1, 2):
        world.found(f"t-{number}", 10)
    world.table.put({"PK": "ORG#t-1", "SK": "ROOM#r-1", "bytes": "many"})
    world.run()

    assert world.latest("t-2").total.bytes == 10
    assert [tenant for _, tenant in world.left] == ["t-1"]


@pytest.mark.parametrize("blind", ["rooms", "passed"])
def test_without_rooms_or_what_ever_had_room_a_right_counter_would_be_changed(
    world: World, monkeypatch: pytest.MonkeyPatch, blind: str
) -> None:
    """The twins of the tests above on what is on its way, and on what moves meanwhile."""
    meter = world.found("t-1", 10, 10, 10)
    world.drift(30)
    if blind == "rooms":
        world.hold(15)
        monkeypatch.setattr(world.store, "rooms", lambda _tenant_id: [])
    else:
        meter.meanwhile = lambda: world.comes(1)
        sets = Measuring.sets
        monkeypatch.setattr(
            Measuring, "sets", lambda its, counted, _passed: sets(its, counted, its.passed)
        )
    world.run()

    assert world.events() == ["CounterDrifted"]


def test_another_context_registers_nothing_and_is_counted(world: World) -> None:
    """Whoever keeps files holds room and settles it; the rows of its counter are the objects."""
    world.found("t-1")
    for size in (3, 4):
        world.comes(size)
    world.goes(3)
    world.run()

    assert (world.counter(), world.events()) == (4, [])


def test_a_counter_that_was_set_by_hand_meanwhile_is_set_to_what_lies_there(world: World) -> None:
    meter = world.found("t-1", 5)
    meter.meanwhile = lambda: world.table.transact(
        (Assign(organization_key("t-1"), {"used_storage": 99}),)
    )
    world.run()
    assert (world.counter(), world.latest().total.bytes) == (5, 5)


@dataclass
class Bucket:
    """Objects by name, listed two at a time, and what a context does that keeps them."""

    world: World
    draw: random.Random
    objects: dict[str, int] = field(default_factory=dict)
    coming: list[Room] = field(default_factory=list)
    landed: list[tuple[Room, int]] = field(default_factory=list)
    going: list[tuple[Room, str]] = field(default_factory=list)
    gone: list[Room] = field(default_factory=list)
    known: dict[str, int] = field(default_factory=dict)
    place: str = "raw processed"
    names: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def something(self) -> None:
        """One of the steps of one of the objects on their way."""
        table, steps = self.world.table, list[Callable[[], None]]()
        until = self.world.clock() + DAY
        name = f"o-{self.draw.randint(0, 99):02}-{next(self.names)}"

        def comes() -> None:
            room = Room(tenant_id="t-1", room_id=name, bytes=self.draw.randint(1, 50), until=until)
            table.transact(held(standing("t-1"), room))
            self.coming.append(room)

        def lands() -> None:
            room = self.coming.pop(self.draw.randrange(len(self.coming)))
            size = self.draw.randint(1, room.bytes)
            self.objects[room.room_id] = size
            self.landed.append((room, size))

        def is_known() -> None:
            room, size = self.landed.pop(self.draw.randrange(len(self.landed)))
            table.transact(settled(room, size))
            self.known[room.room_id] = size

        def never_comes() -> None:
            table.transact(settled(self.coming.pop()))

        def is_to_go() -> None:
            which = self.draw.choice(sorted(self.known))
            size = self.known.pop(which)
            room = Room(tenant_id="t-1", room_id=f"end-{which}", bytes=size, until=until)
            table.transact(going(room))
            self.going.append((room, which))

        def goes() -> None:
            room, which = self.going.pop(self.draw.randrange(len(self.going)))
            del self.objects[which]
            self.gone.append(room)

        def is_gone() -> None:
            table.transact(settled(self.gone.pop()))

        steps += [comes] + [lands, never_comes] * bool(self.coming) + [is_known] * bool(self.landed)
        steps += [is_to_go] * bool(self.known) + [goes] * bool(self.going)
        steps += [is_gone] * bool(self.gone)
        self.draw.choice(steps)()
        assert self.says >= self.lies_there

    def comes_to_rest(self) -> None:
        for room in [*self.coming, *self.gone]:
            self.world.table.transact(settled(room))
        for room, size in self.landed:
            self.world.table.transact(settled(room, size))
        for room, which in self.going:
            del self.objects[which]
            self.world.table.transact(settled(room))

    @property
    def lies_there(self) -> int:
        return sum(self.objects.values())

    @property
    def says(self) -> int:
        return self.world.counter() or 0

    def page(self, area: Area, position: str | None) -> tuple[Stored, str | None]:
        for _ in range(self.draw.randint(0, 3)):
            self.something()
        if area is PROCESSED:
            return Stored(), None
        found = sorted(name for name in self.objects if name > (position or ""))
        sizes = [self.objects[name] for name in found[:2]]
        return Stored(objects=len(sizes), bytes=sum(sizes)), found[1] if len(found) > 2 else None


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 10**9), drift=st.sampled_from([0, 0, 700]))
def test_whatever_comes_and_goes_meanwhile_a_right_counter_stands_and_a_wrong_one_is_mended(
    seed: int, drift: int
) -> None:
    """The counter never says less than what lies there, with a drift or without."""
    world, draw = World(FakeClock()), random.Random(seed)
    world.found("t-1")
    bucket = Bucket(world, draw)
    world.meters["t-1"] = bucket  # type: ignore[assignment] # a meter of this test alone
    for _ in range(draw.randint(0, 40)):
        bucket.something()
    world.drift(drift)
    counter = world.store.counter

    def and_something(tenant_id: str) -> Counter:
        seen = counter(tenant_id)
        if draw.random() < 0.3:
            bucket.something()
        return seen

    world.store.counter = and_something  # type: ignore[method-assign] # between its calls, too
    told = bool(world.run().drifted)
    assert not told or drift
    assert world.events() == ["CounterDrifted"] * told

    # When nothing moves any more it is exact, whatever was wrong.
    world.store.counter = counter  # type: ignore[method-assign]
    bucket.comes_to_rest()
    world.meters["t-1"] = FakeMeter({RAW: list(bucket.objects.values())})
    world.run()
    assert bucket.says == bucket.lies_there
