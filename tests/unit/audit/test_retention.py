"""Retention: nothing ends before its plan's time, unsealed, or against a plan that has grown."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import pytest

from tenantry.audit import retention
from tenantry.audit.model import Entry, Span
from tenantry.audit.retention import GRACE, MARGIN, RETENTION, Marks, Progress, RetentionSweep
from tenantry.errors import CorruptDataError
from tests.support.clock import FakeClock
from tests.support.fakes.seals import InMemoryOrganizations
from tests.unit.audit.test_activity import envelope

BORN = datetime(2024, 1, 1, 12, tzinfo=UTC)
DAYS = 400


@dataclass
class World:
    """Entries of each day; `ends` are those that were given one."""

    clock: FakeClock = field(default_factory=lambda: FakeClock(BORN + timedelta(days=DAYS)))
    entries: dict[str, list[Entry]] = field(default_factory=dict)
    ends: dict[tuple[str, str], datetime] = field(default_factory=dict)
    noted: dict[str, Marks] = field(default_factory=dict)
    stored: Progress = field(default_factory=Progress)
    plan: dict[str, str] = field(default_factory=dict)
    sealed: dict[str, date] = field(default_factory=dict)
    organizations: InMemoryOrganizations = field(default_factory=InMemoryOrganizations)
    damaged: set[str] = field(default_factory=set)
    aside: list[tuple[str, str]] = field(default_factory=list)

    def add(self, tenant_id: str, plan: str, days: int = DAYS) -> None:
        self.plan[tenant_id] = plan
        self.sealed[tenant_id] = self.clock().date()
        self.organizations.add(tenant_id, BORN.date())
        self.entries[tenant_id] = [
            Entry.of(envelope(n, BORN + timedelta(days=n), tenant_id=tenant_id))
            for n in range(days)
        ]

    # the ports

    def sealed_through(self, tenant_id: str) -> date | None:
        return self.sealed.get(tenant_id)

    def of(self, tenant_id: str) -> str | None:
        return self.plan.get(tenant_id)

    def marks(self, tenant_id: str) -> Marks:
        return self.noted.get(tenant_id, Marks())

    def mark(self, tenant_id: str, entries: list[Entry], purge_at: datetime, marks: Marks) -> None:
        for entry in entries:
            self.ends[tenant_id, entry.event_id] = purge_at
        self.noted[tenant_id] = marks

    def keep(self, tenant_id: str, entries: list[Entry], marks: Marks) -> None:
        for entry in entries:
            self.ends.pop((tenant_id, entry.event_id), None)
        self.noted[tenant_id] = marks

    def read(
        self, tenant_id: str, month: str, span: Span, limit: int, *, newest_first: bool = False
    ) -> list[Entry]:
        if tenant_id in self.damaged:
            raise CorruptDataError("a stored audit entry breaks its schema")
        found = [
            entry
            for entry in self.entries[tenant_id]
            if entry.month == month and span.oldest <= entry.position < span.below
        ]
        return (found[::-1] if newest_first else found)[:limit]

    def first_month(self, tenant_id: str) -> str | None:
        return "2024-01"

    def progress(self) -> Progress:
        return self.stored

    def save(self, progress: Progress) -> None:
        self.stored = progress

    # what happens

    def purge(self, tenant_id: str = "t-1") -> list[Entry]:
        """Entries whose end has come go, as TTL takes them; these are answered."""
        gone = [each for each in self.entries[tenant_id] if self.has_come(tenant_id, each)]
        self.entries[tenant_id] = [each for each in self.entries[tenant_id] if each not in gone]
        return gone

    def has_come(self, tenant_id: str, entry: Entry) -> bool:
        end = self.ends.get((tenant_id, entry.event_id))
        return end is not None and end <= self.clock()

    def pass_days(self, count: int) -> list[Entry]:
        """Sweeps and purges of some days; what went is answered."""
        gone = list[Entry]()
        for _ in range(count):
            self.clock.advance(timedelta(days=1))
            self.sealed["t-1"] = self.clock().date()
            gone += self.purge()
            self.run()
        return gone

    def may_be_gone(self) -> str:
        return self.marks("t-1").gone_through(self.clock()) or ""

    # what is asked

    def run(self, has_time: Callable[[], bool] = lambda: True) -> int:
        sweep = RetentionSweep(
            self.organizations, self, self, self, self.clock, lambda *told: self.aside.append(told)
        )
        return sweep.run(has_time)

    def ended(self, tenant_id: str = "t-1") -> set[str]:
        left = {entry.event_id for entry in self.entries[tenant_id]}
        return {each for tenant, each in self.ends if tenant == tenant_id and each in left}

    def due(self, tenant_id: str, days: int) -> set[str]:
        return {
            entry.event_id
            for entry in self.entries[tenant_id]
            if entry.occurred_at < self.clock() - timedelta(days=days)
        }


@pytest.fixture(autouse=True)
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 7)


# Typed here, and taken from nowhere else.
KEPT = {"FREE": 90, "STARTER": 365, "PROFESSIONAL": 730, "ENTERPRISE": 2557, "unknown": 2557}


@pytest.mark.parametrize("plan", KEPT)
def test_entries_past_the_retention_of_the_plan_get_an_end_and_no_others(plan: str) -> None:
    world = World()
    world.add("t-1", plan)

    count = world.run()

    assert world.ended() == world.due("t-1", KEPT[plan])
    assert count == len(world.ended())
    assert set(world.ends.values()) <= {world.clock() + GRACE}


def test_the_table_of_plans_is_the_one_that_is_sold() -> None:
    assert {plan: kept.days for plan, kept in RETENTION.items()} == {
        plan: days for plan, days in KEPT.items() if plan != "unknown"
    }


def test_what_is_not_sealed_has_no_end() -> None:
    world = World()
    world.add("t-1", "FREE")
    world.sealed["t-1"] = (BORN + timedelta(days=49)).date()

    world.run()
    assert len(world.ended()) == 50

    world.sealed["t-1"] = world.clock().date()
    world.clock.advance(timedelta(days=1))
    world.run()
    assert world.ended() == world.due("t-1", 90)


def test_a_log_that_cannot_be_read_is_left_aside_and_the_others_are_gone_through() -> None:
    world = World()
    for tenant_id in ("t-1", "t-2", "t-3"):
        world.add(tenant_id, "FREE")
    world.damaged = {"t-2"}

    world.run()

    assert world.ended("t-2") == set()
    assert world.ended("t-1")
    assert world.ended("t-3")
    [(what, tenant)] = world.aside
    assert (tenant, "cannot" in what or "schema" in what) == ("t-2", True)
    assert not world.stored.is_under_way


def test_where_nothing_is_sealed_nothing_ends() -> None:
    world = World()
    world.add("t-1", "FREE")
    del world.sealed["t-1"]

    assert world.run() == 0


def test_a_late_entry_waits_for_the_seal_it_belongs_to() -> None:
    world = World()
    world.add("t-1", "FREE")
    late = world.entries["t-1"][20]
    world.entries["t-1"][20] = late.model_copy(update={"recorded_at": world.clock()})
    world.sealed["t-1"] = world.clock().date() - timedelta(days=3)

    world.run()

    assert len(world.ended()) == 20


def test_a_plan_that_has_grown_takes_entries_back_before_they_are_gone() -> None:
    world = World()
    world.add("t-1", "FREE")
    world.run()
    assert world.ended() == world.due("t-1", 90)

    world.plan["t-1"] = "STARTER"
    world.clock.advance(timedelta(days=1))
    world.run()
    assert world.ended() == world.due("t-1", 365)

    world.plan["t-1"] = "FREE"
    world.clock.advance(timedelta(days=1))
    world.run()
    assert world.ended() == world.due("t-1", 90)


def test_what_is_gone_when_a_plan_grows_stays_told_as_gone() -> None:
    world = World()
    world.add("t-1", "FREE")
    world.run()
    gone = world.pass_days(20)
    assert gone

    world.plan["t-1"] = "STARTER"
    gone += world.pass_days(30)

    assert world.ended() == set()
    assert max(entry.position for entry in gone) <= world.may_be_gone()
    left = world.entries["t-1"]
    assert all(entry.position > world.may_be_gone() for entry in left)


def test_when_the_plan_shrinks_again_every_entry_that_is_left_gets_its_end() -> None:
    world = World()
    world.add("t-1", "FREE")
    world.run()
    world.pass_days(20)
    world.plan["t-1"] = "STARTER"
    world.pass_days(3)

    world.plan["t-1"] = "FREE"
    world.clock.advance(timedelta(days=1))
    world.run()

    assert world.ended() == world.due("t-1", 90)
    assert {world.ends["t-1", each] for each in world.ended()} == {world.clock() + GRACE}


def test_an_entry_whose_end_is_to_come_is_not_told_as_gone() -> None:
    world = World()
    world.add("t-1", "FREE")
    world.run()
    first, *_ = world.entries["t-1"]
    assert first.event_id in world.ended()

    assert first.position > world.may_be_gone()
    world.clock.advance(GRACE - timedelta(seconds=1))
    assert first.position > world.may_be_gone()
    world.clock.advance(timedelta(seconds=1))
    assert first.position <= world.may_be_gone()


def test_day_by_day_exactly_what_ended_is_told_as_gone() -> None:
    world = World()
    world.add("t-1", "FREE")
    gone: list[Entry] = []
    for plan in ("FREE", "STARTER", "FREE", "PROFESSIONAL", "FREE"):
        world.plan["t-1"] = plan
        for _ in range(9):
            gone += world.pass_days(1)
            limit = world.may_be_gone()
            assert all(entry.position <= limit for entry in gone)
            assert all(entry.position > limit for entry in world.entries["t-1"])
        assert len(world.marks("t-1").ends) <= GRACE.days + 1


def test_an_end_that_is_about_to_come_is_not_taken_back() -> None:
    world = World()
    world.add("t-1", "FREE")
    world.run()
    ended = world.ended()
    world.plan["t-1"] = "ENTERPRISE"
    world.clock.advance(GRACE - MARGIN + timedelta(minutes=1))

    assert world.run() == 0
    assert world.ended() == ended


@pytest.mark.figures
@pytest.mark.parametrize("batches", [1, 2, 3, 5])
def test_runs_of_any_length_come_to_the_same(batches: int) -> None:
    world = World()
    for tenant in ("t-1", "t-2", "t-3"):
        world.add(tenant, "FREE", days=120 + 100 * int(tenant[-1]) // 2)

    runs = 0
    while not world.stored.begun_at or world.stored.is_under_way:
        left = iter([True] * batches + [False] * 1000)
        world.run(left.__next__)
        runs += 1
        assert runs < 500, "the sweep does not come to an end"

    for tenant in ("t-1", "t-2", "t-3"):
        assert world.ended(tenant) == world.due(tenant, 90)


def test_taking_back_goes_on_where_it_was_stopped() -> None:
    world = World()
    world.add("t-1", "FREE")
    world.run()
    world.plan["t-1"] = "STARTER"
    world.clock.advance(timedelta(days=1))

    for _ in range(60):
        world.run(lambda: False)

    assert world.ended() == world.due("t-1", 365)


def test_a_second_round_begins_a_day_later() -> None:
    world = World()
    world.add("t-1", "FREE")
    world.run()
    before = world.ended()

    world.clock.advance(timedelta(hours=1))
    assert world.run() == 0
    world.clock.advance(timedelta(hours=24))
    assert world.run() > 0
    assert before < world.ended()
