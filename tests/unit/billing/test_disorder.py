"""Stripe's events in any order, each several times (row 13): the end is that of the ordered run."""

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from tenantry.billing.model import Notice, Payments
from tenantry.billing.payments import StripePayments
from tenantry.billing.service import SettlingService
from tenantry.messaging.once import Once
from tests.support.fakes.billing import InMemoryMarkers
from tests.support.streams import shuffled_with_duplicates
from tests.unit.billing.conftest import World

SEEDS = range(20)


def life(world: World, then: Callable[[], None] = lambda: None) -> str:
    """A subscription's life at Stripe: bought, larger, unpaid, paid, renewed, smaller next time."""
    stripe = world.stripe
    subscription_id = world.buy("STARTER")
    then()
    item = stripe.objects[subscription_id]["items"]["data"][0]
    price = {"items": [{"id": item["id"], "price": "price_professional"}]}
    stripe.update_subscription(subscription_id, price)
    then()
    for declines in (True, False):
        stripe.declines = declines
        stripe.period_over(subscription_id)
        then()
        if declines:
            stripe.recover(subscription_id)
            then()
    schedule = stripe.create_schedule({"from_subscription": subscription_id})
    phases: list[dict[str, Any]] = [
        {"items": [{"price": "price_professional"}], **schedule["current_phase"]},
        {"items": [{"price": "price_starter"}]},
    ]
    stripe.update_schedule(schedule["id"], {"phases": phases})
    then()
    return subscription_id


def state(world: World) -> Any:
    """What is so in the end, without how often and when it was written."""
    written = {"entity_version", "syncs", "updated_at", "created_at"}
    return (
        world.subscription.model_dump(exclude=written),
        world.organization.model_dump(exclude=written),
    )


@pytest.fixture
def ordered(paid: World) -> Any:
    """The end of the run in which each event was heard as it happened."""
    seen: list[str] = []

    def hear() -> None:
        paid.hear()
        seen.append(paid.subscription.status)

    life(paid, hear)
    assert seen == ["ACTIVE", "ACTIVE", "PAST_DUE", "ACTIVE", "ACTIVE", "ACTIVE"]
    return state(paid)


@pytest.mark.figures
@pytest.mark.parametrize("seed", SEEDS)
def test_events_in_any_order_and_often_end_as_in_order(ordered: Any, seed: int) -> None:
    world, dice = World(), random.Random(seed)
    life(world)
    events = [event for event in world.stripe.events for _ in range(dice.randint(1, 5))]
    dice.shuffle(events)

    for event in events:
        world.hear(event)

    assert state(world) == ordered


@pytest.mark.parametrize("seed", SEEDS)
def test_events_heard_amid_what_happens_end_as_in_order(ordered: Any, seed: int) -> None:
    """Old ones, repeated, between the steps: each asks for what is so by then."""
    world, dice = World(), random.Random(seed)

    def hear_some() -> None:
        for event in dice.choices(world.stripe.events, k=dice.randint(0, 4)):
            world.hear(event)

    life(world, hear_some)
    world.hear(dice.choice(world.stripe.events))

    assert state(world) == ordered


def test_events_believed_for_what_they_hold_would_not(ordered: Any) -> None:
    """The twin of the tests above: what the events carry in place of Stripe's answer."""
    ends = set()
    for seed in SEEDS:
        world, dice = World(), random.Random(seed)
        life(world)
        carried = [
            e for e in world.stripe.events if e["data"]["object"]["object"] == "subscription"
        ]
        dice.shuffle(carried)
        for event in carried:
            about = event["data"]["object"]
            world.stripe.objects[about["id"]] = about
            world.hear(event)
        ends.add(world.subscription.plan)

    assert len(ends) > 1


# two thousand of them


STEPS = 6
EVENTS = 2_000


class _EndedError(Exception):
    """Nothing more happens in this life."""


def lived(world: World, steps: int, then: Callable[[], object] = lambda: None) -> None:
    """The first steps of a life."""
    left = steps

    def after_a_step() -> None:
        nonlocal left
        then()
        left -= 1
        if left == 0:
            raise _EndedError

    with suppress(_EndedError):
        life(world, after_a_step)


class Remembered:
    """What Stripe says of a customer, read by its library once: nothing happens there any more."""

    def __init__(self, payments: StripePayments) -> None:
        self._payments = payments
        self._known: dict[str, Payments | None] = {}
        self.asked = 0

    def payments_of(self, customer_id: str) -> Payments | None:
        self.asked += 1
        if customer_id not in self._known:
            self._known[customer_id] = self._payments.payments_of(customer_id)
        return self._known[customer_id]


@dataclass
class Life:
    """An organisation of which nothing was heard yet, and what it has to come to."""

    world: World
    unheard: dict[Any, Any]
    stripe: Remembered
    end: Any

    def asking(self) -> Remembered:
        return self.stripe

    def again(self) -> None:
        self.world.table.items = dict(self.unheard)
        self.stripe.asked = 0

    @property
    def told(self) -> int:
        """How often the subscription was changed since nothing was heard: each tells once."""
        before = self.unheard[f"ORG#{self.world.tenant_id}", "SUBSCRIPTION"]["entity_version"]
        return int(self.world.subscription.entity_version - before)


@pytest.fixture(scope="module")
def lives() -> list[Life]:
    """So many organisations, in different years of their lives, that Stripe tells 2,000 events."""
    ends, found, told = {}, list[Life](), 0
    for steps in range(1, STEPS + 1):
        ordered = World()
        lived(ordered, steps, ordered.hear)
        ends[steps] = state(ordered)
    while told < EVENTS:
        world, steps = World(), len(found) % STEPS + 1
        lived(world, steps)
        told += len(world.stripe.events)
        stripe = Remembered(world.payments)
        found.append(Life(world, dict(world.table.items), stripe, ends[steps]))
    return found


@pytest.mark.figures
@pytest.mark.parametrize("seed", SEEDS)
def test_2000_events_of_many_in_any_order_and_number_end_as_in_order(
    lives: list[Life], seed: int
) -> None:
    dice, markers = random.Random(seed), InMemoryMarkers()
    for each in lives:
        each.again()
    events = [(each, event) for each in lives for event in each.world.stripe.events]
    assert len(events) >= EVENTS

    for each, event in shuffled_with_duplicates(events, 5, dice.randint):
        once = Once(markers, "billing", timedelta(minutes=2), each.world.clock)
        settling = SettlingService(each.world.ledger, each.asking, once)
        about = event["data"]["object"]
        customer = about["id"] if about["object"] == "customer" else about["customer"]
        of_its_world = f"{id(each)}_{event['id']}"
        notice = Notice(event_id=of_its_world, type=event["type"], customer_id=customer)
        settling.settle(notice)

    for each in lives:
        assert state(each.world) == each.end, f"seed {seed}"
        # However often an event came, Stripe was asked once for it, and what it led to told once.
        assert each.stripe.asked == len(each.world.stripe.events)
        assert each.told == 1
