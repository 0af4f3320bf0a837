"""What a move takes, and what each item and object of it does: docs/operations.md.

The steps run over real tables and buckets, their ledger in memory: that costs what a step costs.
"""

import time
from collections import Counter
from dataclasses import replace
from typing import Any

import boto3
import pytest

from tenantry.accounts.moving import Moving
from tenantry.runtime.identifiers import new_id
from tests.integration.accounts.test_moving import (
    KEPT,
    MovingWorld,
    founded,
    retired,
    settled,
)
from tests.support.capacity import Cost, measured
from tests.support.clock import FakeClock
from tests.support.things import thing_key
from tests.unit.accounts.conftest import SHARED

MORE = 36
"""Four transactions full, so that what each item takes of a check comes out even."""


@pytest.fixture
def world(moto: None, clock: FakeClock) -> MovingWorld:
    world = founded(clock, boto3.client("dynamodb"), boto3.client("s3"))
    world.moving = replace(world.moving, pages=Moving.pages)
    return world


def taken(cost: Cost) -> dict[str, Any]:
    names = Counter(cost.operations)
    return {
        "read": cost.read_units,
        "write": cost.write_units,
        **{name: names[name] for name in ("CopyObject", "TransactWriteItems") if names[name]},
    }


def moved(world: MovingWorld, items: int = 0, objects: int = 0) -> dict[str, Any]:
    """What moving takes with so many more of each."""
    account = settled(world)
    for _ in range(items):
        world.at(SHARED.table).put({**thing_key(new_id()), "tenant_id": "acme", "n": 1})
    for number in range(objects):
        world.s3.put_object(Bucket=SHARED.raw, Key=f"acme/more/{number}", Body=b"x")
    # What was written in the second of its copy is copied again: S3 tells no finer times.
    time.sleep(1 - time.time() % 1)
    world.move(account, "private")
    with measured(world.dynamodb) as cost:
        world.goes_on()
    return {**taken(cost), "transitions": world.transitions}


@pytest.mark.parametrize(("items", "objects"), [(0, 0), (MORE, 0), (0, MORE)])
def test_what_a_move_and_each_item_and_object_of_it_take(
    world: MovingWorld, items: int, objects: int
) -> None:
    """Four transactions of nine items each take four checks: 2/9 of a unit an item.

    The first number of each is what the world's own dozen of items takes.
    """
    going = moved(world, items, objects)
    world.clock.advance(KEPT)
    with measured(world.dynamodb) as cost:
        retired(world)
    gone = taken(cost)

    assert going["transitions"] == 35
    assert going["CopyObject"] == 3 + objects
    assert going["write"] == 40 + items * (2 + 2 / 9)
    assert gone["write"] == 34 + items * (2 + 2 / 9)
    assert 103 + items * 6 <= going["read"] <= 103 + items * 6.5
    assert gone["read"] <= 3 + items / 20
