"""What a move left behind and where the organisation is now, held against each other."""

import json
from typing import Any

import boto3
import pytest

from tenantry.accounts.comparing import ComparisonService
from tenantry.accounts.model import Account, Compared, Tally
from tenantry.errors import ConflictError, InvalidInputError, NotFoundError
from tenantry.messaging.stamp import Stamp
from tenantry.persistence import cursors
from tenantry.persistence.writes import Remove
from tenantry.tenancy.caller import Caller
from tests.integration.accounts.test_moving import KEPT, MovingWorld, founded, retired, settled
from tests.support.clock import FakeClock, FakeIds
from tests.support.tables import items
from tests.support.things import made, retitled, thing_key
from tests.unit.accounts.conftest import OWNER, SHARED

STRANGER = Caller(user_id="eve", tenant_id="acme2")
ITEMS, OBJECTS = 13, 3


@pytest.fixture
def world(moto: None, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> MovingWorld:
    monkeypatch.setattr("tenantry.accounts.tenant_copies._READ", 5)
    monkeypatch.setattr("tenantry.accounts.tenant_copies._LISTED", 2)
    return founded(clock, boto3.client("dynamodb"), boto3.client("s3"))


@pytest.fixture
def account(world: MovingWorld) -> Account:
    """Moved, and active in a place of its own; what it had before is kept."""
    before = settled(world)
    world.move(before, "private")
    world.goes_on()
    return world.account(before.account_id)


def service(world: MovingWorld, pages: int = 1) -> ComparisonService:
    return ComparisonService(world.service, world.copies, SHARED, pages)


def compared(world: MovingWorld, account: Account) -> tuple[Compared, int]:
    """To its end; and in how many parts."""
    cursor, parts = None, 0
    while True:
        page = service(world).page(OWNER, account.account_id, cursor)
        parts, cursor = parts + 1, page.next_cursor
        if cursor is None:
            return page, parts


def test_right_after_a_move_both_are_the_same(world: MovingWorld, account: Account) -> None:
    tables = [items(world.dynamodb, each.table) for each in world.both(account)]
    page, parts = compared(world, account)

    assert page.found.is_equal
    assert page.found.items == Tally(same=ITEMS)
    assert page.found.objects == Tally(same=OBJECTS)
    assert parts > ITEMS // 5, "a part at a time"
    assert tables == [items(world.dynamodb, each.table) for each in world.both(account)]


def test_what_was_written_since_is_told_apart_from_what_is_missing(
    world: MovingWorld, account: Account
) -> None:
    _, new = world.both(account)
    stamp, table = Stamp(world.clock, FakeIds("d")), world.tenant_table()
    for name in ("new-1", "new-2"):
        table.write(made(stamp, name))
    table.write(retitled(stamp, 1, "again", "3"))
    table.transact([Remove(thing_key("5"))])
    for name in ("0", "b/1", "b/2", "z"):
        world.s3.put_object(Bucket=new.raw, Key=f"acme/{name}", Body=b"new")
    world.s3.put_object(Bucket=new.raw, Key="acme/1.txt", Body=b"another")
    world.s3.delete_object(Bucket=new.processed, Key="acme/p.txt")
    page, _ = compared(world, account)

    assert not page.found.is_equal
    assert page.found.items == Tally(same=ITEMS - 2, changed=1, added=2, missing=1)
    assert page.found.objects == Tally(same=OBJECTS - 2, changed=1, added=4, missing=1)


def test_what_ends_by_itself_is_no_difference(world: MovingWorld, account: Account) -> None:
    """DynamoDB deletes it in its own time, in one place before the other."""
    old, new = world.both(account)
    ending = {"tenant_id": "acme", "purge_at": int(world.clock().timestamp())}
    for place in (old, new):
        world.at(place.table).put({"PK": "ORG#acme", "SK": f"ENDS#{place.table}", **ending})
    page, _ = compared(world, account)

    assert page.found.is_equal


def test_a_part_is_not_equal_yet(world: MovingWorld, account: Account) -> None:
    page = service(world).page(OWNER, account.account_id, None)

    assert page.next_cursor
    assert (page.found.is_whole, page.found.is_equal) == (False, False)


def test_without_an_old_copy_there_is_nothing_to_compare_with(world: MovingWorld) -> None:
    account = settled(world)

    def is_refused() -> None:
        with pytest.raises(ConflictError):
            service(world).page(OWNER, account.account_id, None)

    is_refused()
    world.move(account, "private")
    is_refused()
    world.goes_on()
    service(world).page(OWNER, account.account_id, None)
    world.clock.advance(KEPT)
    assert world.moving.retire_due() == 0
    is_refused()  # a part of it has gone
    retired(world)
    is_refused()


def test_it_is_nobody_elses(world: MovingWorld, account: Account) -> None:
    world.found("acme2", "eve")
    with pytest.raises(NotFoundError):
        service(world).page(STRANGER, account.account_id, None)


def forged(account: Account, **found: Any) -> str:
    position = {
        "operation": account.operation_id,
        "began": "2026-03-02T09:00:00+00:00",
        "found": json.dumps(found),
    }
    return cursors.encode(position)


def begins(partition: str, sort: str = "THING#1") -> str:
    return json.dumps({"PK": {"S": partition}, "SK": {"S": sort}})


FORGED = (
    "nowhere|",
    "items|99|",
    "items|-1|",
    "items|0|{",
    "items|0|[]",
    f"items|0|{begins('ORG#acme2')}",
    f"extra|0|{begins('ORG#acme', '')}",
    f"items|0|{json.dumps({'PK': {'S': 'ORG#acme'}})}",
    f"raw|{'x' * 2000}",
)


def test_a_cursor_of_nothing_or_another_move_is_refused(
    world: MovingWorld, account: Account
) -> None:
    cursor = service(world).page(OWNER, account.account_id, None).next_cursor
    assert cursor
    of_none = [forged(account, next=each) for each in FORGED]
    for each in (*of_none, cursors.encode({"operation": "a"}), forged(account, items="many"), "x"):
        with pytest.raises(InvalidInputError):
            service(world).page(OWNER, account.account_id, each)
    world.move(account, "public")
    world.goes_on()

    with pytest.raises(InvalidInputError):
        service(world).page(OWNER, account.account_id, cursor)
