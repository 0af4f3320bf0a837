"""Sweeps: every organisation once a round, over as many runs as it takes; counters proven."""

from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.errors import CorruptDataError
from tenantry.messaging.stamp import Stamp
from tenantry.organizations.model import Organization
from tenantry.usage.model import Counted
from tenantry.usage.service import PAGE, CounterProof, Sweep, Swept
from tests.support.clock import START, FakeClock, FakeIds
from tests.support.fakes.usage import (
    FakeRows,
    InMemoryProgress,
    InMemoryRegister,
    InMemoryUsage,
)

DAY = timedelta(days=1)


def _times(number: int) -> Callable[[], bool]:
    """Time for so many pages."""
    left = iter([True] * number)
    return lambda: next(left, False)


def _sweep(tenants: set[str], clock: FakeClock) -> Sweep:
    stamp = Stamp(now=clock, new_id=FakeIds())
    return Sweep("test", InMemoryRegister(tenants), InMemoryProgress(), stamp, DAY)


@given(
    st.integers(0, 400),
    st.lists(st.integers(0, 9), max_size=30),
)
def test_every_organisation_is_visited_once_a_round_however_the_runs_are_cut(
    count: int, times: list[int]
) -> None:
    tenants = {f"t-{number}" for number in range(count)}
    sweep, seen = _sweep(tenants, FakeClock()), list[str]()

    def visit(page: Sequence[str]) -> int:
        assert len(page) <= PAGE
        seen.extend(page)
        return 1

    ended = [sweep.run(visit, _times(number)).ended for number in times]
    if True not in ended:
        assert sweep.run(visit, lambda: True).ended

    assert sorted(seen) == sorted(tenants)


def test_a_round_begins_when_it_is_time_or_when_it_is_told_to() -> None:
    clock = FakeClock()
    sweep = _sweep({"t-1"}, clock)

    assert sweep.run(len, lambda: True) == Swept(1, 1, ended=True)
    clock.advance(DAY - timedelta(seconds=1))
    assert sweep.run(len, lambda: True) == Swept()
    assert sweep.run(len, lambda: True, anew=True).visited == 1
    clock.advance(DAY)
    assert sweep.run(len, lambda: True).visited == 1


def test_a_page_that_fails_is_visited_again() -> None:
    sweep = _sweep({"t-1"}, FakeClock())

    def fail(_page: Sequence[str]) -> int:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        sweep.run(fail, lambda: True)

    assert sweep.run(len, lambda: True) == Swept(1, 1, ended=True)


def test_a_run_that_finds_another_one_at_work_ends() -> None:
    sweep = _sweep({f"t-{number}" for number in range(40)}, FakeClock())

    def visit(page: Sequence[str]) -> int:
        # Another run takes the same page first.
        progress = sweep.progress.read("test")
        sweep.progress.save(progress.visited(None))
        return len(page)

    swept = sweep.run(visit, lambda: True)

    assert not swept.ended
    assert swept.visited <= PAGE


@pytest.fixture
def usage() -> InMemoryUsage:
    made = Organization(
        tenant_id="t-1",
        name="Acme",
        slug="acme",
        founder_id="ada",
        created_at=START,
        updated_at=START,
    )
    return InMemoryUsage({"t-1": made}, counters={("t-1", "used_users"): Counted(3, 7)})


def test_a_counter_that_equals_its_rows_is_left_alone(usage: InMemoryUsage, stamp: Stamp) -> None:
    assert CounterProof(FakeRows({"t-1": 3}), usage, stamp).visit(["t-1"]) == 0
    assert usage.events == []


@pytest.mark.parametrize("rows", [0, 2, 4])
def test_a_counter_that_drifted_is_repaired_and_told(
    usage: InMemoryUsage, stamp: Stamp, rows: int
) -> None:
    assert CounterProof(FakeRows({"t-1": rows}), usage, stamp).visit(["t-1"]) == 1

    assert usage.counters["t-1", "used_users"].value == rows
    [event] = usage.events
    assert event.type == "CounterDrifted"
    assert event.data == {
        "organization_id": "t-1",
        "counter": "used_users",
        "counted": 3,
        "rows": rows,
    }


def test_a_counter_that_was_never_there_stands_at_zero(usage: InMemoryUsage, stamp: Stamp) -> None:
    usage.counters.clear()

    assert CounterProof(FakeRows({"t-1": 0}), usage, stamp).visit(["t-1", "t-gone"]) == 0
    assert CounterProof(FakeRows({"t-1": 2}), usage, stamp).visit(["t-1"]) == 1


def test_a_counter_that_moves_there_and_back_while_rows_are_read_is_not_repaired(
    usage: InMemoryUsage, stamp: Stamp
) -> None:
    """One left before they were read and another came after: the rows miss one."""
    moved: list[str] = []

    def meanwhile(tenant_id: str) -> None:
        if not moved:
            usage.move(tenant_id, "used_users", -1)
            usage.move(tenant_id, "used_users", 1)
            rows.found["t-1"] = 3
        moved.append(tenant_id)

    rows = FakeRows({"t-1": 2}, meanwhile)

    assert CounterProof(rows, usage, stamp).visit(["t-1"]) == 0
    assert usage.counters["t-1", "used_users"].value == 3
    assert len(moved) == 2


def test_without_the_number_of_moves_it_would_be_made_wrong(
    usage: InMemoryUsage, stamp: Stamp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin of the test above."""
    monkeypatch.setattr(Counted, "__eq__", lambda self, other: self.value == other.value)

    def meanwhile(tenant_id: str) -> None:
        usage.move(tenant_id, "used_users", -1)
        usage.move(tenant_id, "used_users", 1)

    assert CounterProof(FakeRows({"t-1": 2}, meanwhile), usage, stamp).visit(["t-1"]) == 1
    assert usage.counters["t-1", "used_users"].value == 2


def test_a_counter_that_never_stands_still_is_reported(usage: InMemoryUsage, stamp: Stamp) -> None:
    reported: list[str] = []
    rows = FakeRows({"t-1": 2}, lambda tenant: usage.move(tenant, "used_users", 0))

    proof = CounterProof(rows, usage, stamp, lambda what, _tenant: reported.append(what))

    assert proof.visit(["t-1"]) == 0
    assert reported == ["a counter moves too often to be proven; the next round tries"]


def test_rows_that_cannot_be_read_hold_up_no_other(usage: InMemoryUsage, stamp: Stamp) -> None:
    usage.organizations["t-2"] = usage.organizations["t-1"].model_copy(update={"tenant_id": "t-2"})
    reported: list[str] = []

    def broken(tenant_id: str) -> None:
        if tenant_id == "t-1":
            raise CorruptDataError("broken")

    rows = FakeRows({"t-2": 1}, broken)
    proof = CounterProof(rows, usage, stamp, lambda _what, tenant: reported.append(tenant))

    assert proof.visit(["t-1", "t-2"]) == 1
    assert reported == ["t-1"]
