"""Stripe's events in any order, each several times (row 13): the end is that of the ordered run."""

import random
from collections.abc import Callable
from typing import Any

import pytest

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
