"""Warnings: at 80 and 100 percent, once for a threshold, a limit and a month."""

import random
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.messaging.stamp import Stamp
from tenantry.organizations.counters import Kind, Used
from tenantry.organizations.model import Organization, PlanName
from tenantry.tenancy.access import OrganizationStatus
from tenantry.usage.model import UsageLedger, level_of
from tenantry.usage.service import UsageWarnings
from tests.support.clock import START, FakeClock
from tests.support.fakes.usage import InMemoryUsage


def _organization(**more: Any) -> Organization:
    return Organization(
        tenant_id="t-1",
        name="Acme",
        slug="acme",
        founder_id="ada",
        created_at=START,
        updated_at=START,
        **more,
    )


class World:
    """The warnings over a fake, and an organisation on FREE: 5 users, 3 projects, 10,000 calls."""

    def __init__(self, stamp: Stamp) -> None:
        self.usage = InMemoryUsage()
        self.warnings = UsageWarnings(self.usage, stamp)

    def sweep(self, **more: Any) -> list[tuple[str, str, int, int]]:
        """What a run tells while the organisation is so: type, kind, percent, limit."""
        self.usage.organizations["t-1"] = _organization(**more)
        before = len(self.usage.events)
        self.warnings.visit(["t-1", "t-gone"])
        return [
            (e.type, str(e.data["kind"]), int(str(e.data["percent"])), int(str(e.data["limit"])))
            for e in self.usage.events[before:]
        ]


@pytest.fixture
def world(stamp: Stamp) -> World:
    return World(stamp)


@pytest.mark.parametrize(
    ("used", "limit", "level"),
    [
        (0, 5, 0),
        (3, 5, 0),
        (4, 5, 80),
        (5, 5, 100),
        (6, 5, 100),
        (7_999, 10_000, 0),
        (8_000, 10_000, 80),
        (9_999, 10_000, 80),
        (10_000, 10_000, 100),
        (2, 3, 0),
        (0, 0, 100),
        (10**12, None, 0),
    ],
)
def test_a_threshold_is_reached_when_its_percents_are_used(
    used: int, limit: int | None, level: int
) -> None:
    assert level_of(Used(Kind.USERS, used, limit)) == level


def test_each_threshold_is_told_once(world: World) -> None:
    assert world.sweep(used_users=3) == []
    assert world.sweep(used_users=4) == [("UsageWarning", "USERS", 80, 5)]
    assert world.sweep(used_users=4) == []
    assert world.sweep(used_users=5) == [("UsageWarning", "USERS", 100, 5)]
    assert world.sweep(used_users=5) == []


def test_what_is_used_up_at_once_is_told_as_that_alone(world: World) -> None:
    assert world.sweep(used_projects=3) == [("UsageWarning", "PROJECTS", 100, 3)]


def test_kinds_are_told_apart_and_together(world: World) -> None:
    gib = 1024**3
    month = {"used_api_calls": 8_000, "api_month": "2026-03"}

    told = world.sweep(used_users=4, used_projects=3, used_storage=gib, **month)

    assert told == [
        ("UsageWarning", "USERS", 80, 5),
        ("UsageWarning", "PROJECTS", 100, 3),
        ("UsageWarning", "STORAGE", 100, gib),
        ("UsageWarning", "API_CALLS", 80, 10_000),
    ]
    assert world.usage.ledgers["t-1"].entity_version == 1


def test_when_it_falls_below_that_is_told_and_the_threshold_again(world: World) -> None:
    world.sweep(used_users=5)

    assert world.sweep(used_users=4) == [("UsageWarningCleared", "USERS", 100, 5)]
    assert world.sweep(used_users=3) == [("UsageWarningCleared", "USERS", 80, 5)]
    assert world.sweep(used_users=4) == [("UsageWarning", "USERS", 80, 5)]


def test_another_plan_is_told_of_its_own_limit(world: World) -> None:
    world.sweep(used_users=5)

    assert world.sweep(used_users=5, plan=PlanName.STARTER) == []
    assert world.sweep(used_users=20, plan=PlanName.STARTER) == [("UsageWarning", "USERS", 80, 25)]
    assert world.sweep(used_users=20, plan=PlanName.ENTERPRISE) == []
    assert world.sweep(used_users=20) == [("UsageWarning", "USERS", 100, 5)]


def test_a_new_month_is_told_of_anew(world: World, clock: FakeClock) -> None:
    march = {"used_api_calls": 10_000, "api_month": "2026-03"}
    assert world.sweep(**march) == [("UsageWarning", "API_CALLS", 100, 10_000)]

    clock.advance(datetime(2026, 4, 2, tzinfo=UTC) - START)
    assert world.sweep(**march) == []
    april = {"used_api_calls": 9_000, "api_month": "2026-04"}
    assert world.sweep(**april) == [("UsageWarning", "API_CALLS", 80, 10_000)]
    assert world.usage.events[-1].data["period"] == "2026-04"


def test_a_suspended_organisation_is_warned_and_a_cancelled_one_is_not(world: World) -> None:
    assert world.sweep(used_users=5, status=OrganizationStatus.CANCELLED) == []
    assert len(world.sweep(used_users=5, status=OrganizationStatus.SUSPENDED)) == 1


def test_of_two_runs_at_once_one_tells(world: World, stamp: Stamp) -> None:
    class Late(InMemoryUsage):
        """Another run is first whenever this one has read."""

        def tell(self, before: UsageLedger, *_: Any) -> None:
            self.ledgers[before.tenant_id] = before.next()
            super().tell(before, *_)

    late = Late({"t-1": _organization(used_users=5)})

    assert UsageWarnings(late, stamp).visit(["t-1"]) == 0
    assert late.events == []


@given(st.lists(st.integers(0, 7), min_size=1, max_size=40))
def test_told_and_cleared_alternate_as_a_reader_of_the_events_would_expect(
    usage: list[int],
) -> None:
    """Who keeps the highest level told and not cleared knows the level there is."""
    ledger, levels = UsageLedger(tenant_id="t-1"), set[int]()
    for used in usage:
        now = Used(Kind.USERS, used, 5)
        after, events = ledger.after({Kind.USERS: now})
        assert after.entity_version == ledger.entity_version + len(events)
        for event in events:
            percent = event.model_dump()["percent"]
            if event.type == "UsageWarning":
                assert percent not in levels
                levels |= {level for level in (80, 100) if level <= percent}
            else:
                levels = {level for level in levels if level < percent} & {
                    level for level in (80, 100) if level <= level_of(now)
                }
        assert max(levels, default=0) == level_of(now)
        ledger = after


def test_an_organisation_that_cannot_be_read_keeps_no_other_from_being_warned(
    stamp: Stamp,
) -> None:
    usage = InMemoryUsage(broken={"t-0"})
    for tenant_id in ("t-0", "t-1"):
        usage.organizations[tenant_id] = _organization(used_users=4).model_copy(
            update={"tenant_id": tenant_id}
        )
    reported: list[str] = []
    warnings = UsageWarnings(usage, stamp, lambda _what, own: reported.append(own))

    assert warnings.visit(["t-0", "t-1", "t-gone"]) == 1
    assert reported == ["t-0"]


@pytest.mark.figures
@pytest.mark.parametrize("seed", range(20))
def test_2000_moves_amid_runs_in_any_number_warn_of_each_threshold_once(
    stamp: Stamp, seed: int
) -> None:
    """Each organisation is visited 1 to 5 times in a row, others between; the plan allows 25."""
    dice, usage = random.Random(seed), InMemoryUsage()
    warnings = UsageWarnings(usage, stamp)
    tenants = [f"t-{number}" for number in range(20)]
    known, expected = dict.fromkeys(tenants, 0), list[tuple[str, str, int]]()

    for _ in range(2_000):
        tenant_id, used = dice.choice(tenants), dice.randint(0, 25)
        usage.organizations[tenant_id] = _organization(
            plan=PlanName.STARTER, used_users=used
        ).model_copy(update={"tenant_id": tenant_id})
        level = 100 if used == 25 else 80 if used >= 20 else 0
        if level != known[tenant_id]:
            kind = "UsageWarning" if level > known[tenant_id] else "UsageWarningCleared"
            expected.append((tenant_id, kind, max(level, known[tenant_id])))
        known[tenant_id] = level
        for _ in range(dice.randint(1, 5)):
            warnings.visit([tenant_id, dice.choice(tenants)])

    told = [
        (str(e.data["organization_id"]), e.type, int(str(e.data["percent"]))) for e in usage.events
    ]
    assert told == expected, f"seed {seed}"
