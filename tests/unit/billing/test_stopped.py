"""Commands whose process stops at any call that leaves it, to the table or to Stripe (row 12)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from tenantry.errors import ConflictError
from tenantry.tenancy.caller import Caller
from tests.support.faults import Stopped
from tests.unit.billing.conftest import World
from tests.unit.billing.test_disorder import state

LEAVES = ("get", "get_all", "query", "write", "transact", "put", "add")
"""What of the table goes over the network."""


@contextmanager
def process(world: World, stops: int | None = None, *, after: bool = False) -> Iterator[list[str]]:
    """The calls that leave, of which the `stops`-th is the last: before it, or after it."""
    calls: list[str] = []

    def leaving(what: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def sent(*given: Any, **more: Any) -> Any:
            calls.append(what)
            stops_here = len(calls) == stops
            if stops_here and not after:
                raise Stopped(what)
            answer = call(*given, **more)
            if stops_here:
                raise Stopped(what)
            return answer

        return sent

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world.stripe, "answer", leaving("Stripe", world.stripe.answer))
        for name in LEAVES:
            patch.setattr(world.table, name, leaving(name, getattr(world.table, name)))
        yield calls


type Command = Callable[[World, Caller], Any]


def _nothing(_world: World) -> None:
    """Nothing was before."""


def _ended(world: World) -> None:
    world.bought("STARTER")
    world.billing.cancel(world.ada, None)
    world.hear()


def _becomes_due(world: World) -> None:
    subscription = world.bought("STARTER")
    world.clock.advance(world.on(31) - world.clock())
    world.stripe.period_over(subscription)


def _trial(world: World, ada: Caller) -> None:
    with suppress(ConflictError):  # it says that there was one, and there it is
        world.billing.start_trial(ada, {"plan": "STARTER"})


COMMANDS: dict[str, tuple[Callable[[World], Any], Command]] = {
    "trial": (_nothing, _trial),
    "checkout": (_nothing, lambda w, ada: w.billing.checkout(ada, {"plan": "STARTER"})),
    "first plan": (_nothing, lambda w, ada: w.billing.update(ada, {"plan": "STARTER"})),
    "portal": (lambda w: w.bought(), lambda w, ada: w.billing.portal(ada)),
    "larger": (
        lambda w: w.bought("STARTER"),
        lambda w, ada: w.billing.update(ada, {"plan": "PROFESSIONAL"}),
    ),
    "smaller": (
        lambda w: w.bought("PROFESSIONAL"),
        lambda w, ada: w.billing.update(ada, {"plan": "STARTER"}),
    ),
    "none": (lambda w: w.bought(), lambda w, ada: w.billing.update(ada, {"plan": "FREE"})),
    "cancel": (lambda w: w.bought(), lambda w, ada: w.billing.cancel(ada, None)),
    "close": (
        lambda w: w.bought(),
        lambda w, ada: w.billing.cancel(ada, {"closeOrganization": True}),
    ),
    "resume": (_ended, lambda w, ada: w.billing.resume(ada)),
    "grant": (_nothing, lambda w, _ada: w.grant()),
    "notice": (lambda w: w.buy(), lambda w, _ada: w.hear()),
    "sweep": (_becomes_due, lambda w, _ada: w.sweep()),
}


def prepared(command: str) -> tuple[World, Command]:
    prepare, run = COMMANDS[command]
    world = World()
    prepare(world)
    return world, run


def bill(world: World) -> dict[str, int]:
    """What there is at Stripe, and how often it charged; pages to pay at cost nobody anything."""
    kinds = [each["object"] for each in world.stripe.objects.values()]
    there = {kind: kinds.count(kind) for kind in ("customer", "subscription")}
    living = [
        each
        for each in world.stripe.objects.values()
        if each["object"] == "subscription_schedule" and each["status"] == "active"
    ]
    charged = [event["type"] for event in world.stripe.events].count("invoice.paid")
    return {**there, "schedules": len(living), "charged": charged}


def settled(world: World) -> Any:
    """All, once everything was heard of."""
    if world.stripe.events and world.subscription.customer_id:
        world.hear()
    return state(world), bill(world)


@pytest.mark.figures
@pytest.mark.parametrize("asked", ["as the same request", "anew"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_stopped_anywhere_is_finished_by_its_repetition(
    command: str, after: bool, asked: str
) -> None:
    reference, run = prepared(command)
    with process(reference) as calls:
        run(reference, reference.ada)
    expected = settled(reference)
    assert len(calls) >= 2, calls

    for at in range(1, len(calls) + 1):
        world, run = prepared(command)
        first = world.ada
        with pytest.raises(Stopped), process(world, at, after=after):
            run(world, first)

        run(world, first if asked == "as the same request" else world.ada)

        assert settled(world) == expected, f"at {at} of {calls}"


@pytest.mark.parametrize("command", ["larger", "smaller", "cancel", "resume"])
def test_what_nobody_repeats_is_settled_by_the_next_notice(command: str) -> None:
    """Whoever asked has gone: Stripe tells of what it did, and we store what it answers."""
    reference, run = prepared(command)
    with process(reference) as calls:
        run(reference, reference.ada)
    done, undone = settled(reference), settled(prepared(command)[0])

    for at in range(1, len(calls) + 1):
        world, run = prepared(command)
        with pytest.raises(Stopped), process(world, at, after=True):
            run(world, world.ada)

        found = settled(world)

        told = found[0][0]["plan"], found[0][0]["pending_plan"]
        ends = [(each[0][0]["plan"], each[0][0]["pending_plan"]) for each in (done, undone)]
        assert told in ends, f"at {at} of {calls}"


def test_a_customer_made_without_a_key_would_be_made_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: what holds a first purchase together is the key of Stripe's request."""
    world, run = prepared("checkout")
    answer = world.stripe.answer

    def without_keys(method: str, target: str, headers: Any, body: bytes) -> Any:
        left = {name: value for name, value in headers.items() if name != "idempotency-key"}
        return answer(method, target, left, body)

    monkeypatch.setattr(world.stripe, "answer", without_keys)
    at = 1 + _rehearsed().index("Stripe")
    with pytest.raises(Stopped), process(world, at, after=True):
        run(world, world.ada)

    run(world, world.ada)

    assert bill(world)["customer"] == 2


def _rehearsed() -> list[str]:
    """The calls of a first purchase."""
    world, run = prepared("checkout")
    with process(world) as calls:
        run(world, world.ada)
    return calls
