"""What an organisation had in the place that all share comes along when it gets one of its own.

Over real tables and buckets in this process, as the state machine runs it.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import boto3
import pytest

from tenantry.accounts.comparing import ComparisonService
from tenantry.accounts.model import (
    MOST_RESUMES,
    Account,
    Names,
    OperationStatus,
    StepName,
    Tally,
)
from tenantry.accounts.tenant_data import TenantDataInPlace
from tenantry.errors import OrganizationMovingError, UnavailableError
from tenantry.messaging.stamp import Stamp
from tenantry.persistence.writes import Remove
from tests.integration.accounts.test_moving import (
    KEPT,
    SETTLE,
    Clients,
    MovingWorld,
    founded,
    retired,
)
from tests.support.clock import FakeClock, FakeIds
from tests.support.tables import items
from tests.support.things import made, thing_key
from tests.unit.accounts.conftest import OWNER, SHARED
from tests.unit.accounts.moves import faulty

EXPORTS = 30
MOST_RETRIES = 6
"""Of a task, by the state machine."""
PAGES = 4
"""In one call: less than what is there, so that the task goes on."""


@pytest.fixture
def world(moto: None, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> MovingWorld:
    """Acme without an account, and with exports in the shared table."""
    monkeypatch.setattr("tenantry.accounts.tenant_copies._READ", 20)
    found = founded(clock, boto3.client("dynamodb"), boto3.client("s3"))
    data = TenantDataInPlace(lambda _place: Clients(found), lambda _place, _event: True)
    found.provisioning = replace(found.provisioning, data=data, pages=PAGES, settle=SETTLE)
    shared = found.at(SHARED.table)
    for number in range(EXPORTS):
        export = {"PK": "ORG#acme#EXPORTS", "SK": f"EXPORT#{number:03}", "tenant_id": "acme"}
        shared.put({**export, "events": [{"id": f"e-{number}"}], "event_ids": [f"e-{number}"]})
    shared.put({"PK": "ORG#acme2#EXPORTS", "SK": "EXPORT#1", "tenant_id": "acme2"})
    return found


def lying_in(world: MovingWorld, table: str, partition: str) -> list[dict[str, Any]]:
    return [i for i in items(world.dynamodb, table) if i["PK"]["S"] == partition]


def own(account: Account) -> str:
    return Names.of("tenantry", account).table


def came_along(world: MovingWorld, account: Account) -> None:
    operation = world.operation(account)
    assert operation.status is OperationStatus.SUCCEEDED, operation
    assert operation.old is not None
    assert operation.old == operation.new
    assert operation.old.items == EXPORTS
    there = lying_in(world, own(account), "ORG#acme#EXPORTS")
    assert len(there) == EXPORTS
    assert all("event_ids" in each and "events" not in each for each in there)
    assert {"DEFAULTS", "FENCE"} <= {
        each["SK"]["S"] for each in lying_in(world, own(account), "ORG#acme")
    }


@pytest.mark.parametrize("kind", ["private", "dedicated"])
def test_what_there_was_comes_along_untold_and_is_counted(world: MovingWorld, kind: str) -> None:
    account = world.request(kind)
    world.goes_on()

    account = world.account(account.account_id)
    came_along(world, account)
    assert world.operation(account).step(StepName.SEED).attempts > 1, "a part at a time"
    assert lying_in(world, own(account), "ORG#acme2#EXPORTS") == []


@pytest.mark.parametrize("kind", ["private", "dedicated"])
def test_where_it_was_it_is_kept_and_then_removed(world: MovingWorld, kind: str) -> None:
    account = world.request(kind)
    world.goes_on()
    account = world.account(account.account_id)
    neighbour = lying_in(world, SHARED.table, "ORG#acme2#EXPORTS")

    assert world.moving.retire_due() == 0
    assert len(lying_in(world, SHARED.table, "ORG#acme#EXPORTS")) == EXPORTS
    world.clock.advance(KEPT)
    while not world.moving.retire_due():
        pass

    assert lying_in(world, SHARED.table, "ORG#acme#EXPORTS") == []
    left = lying_in(world, SHARED.table, "ORG#acme")
    assert [each["SK"] for each in left] == [{"S": "FENCE"}]
    assert lying_in(world, SHARED.table, "ORG#acme2#EXPORTS") == neighbour
    assert len(lying_in(world, own(account), "ORG#acme#EXPORTS")) == EXPORTS
    assert world.operation(world.account(account.account_id)).retire_at is None


def test_whoever_had_nothing_has_nothing_to_be_removed(world: MovingWorld) -> None:
    for number in range(EXPORTS):
        world.at(SHARED.table).delete({"PK": "ORG#acme#EXPORTS", "SK": f"EXPORT#{number:03}"})
    account = world.request("private")
    world.goes_on()

    operation = world.operation(account)
    assert operation.status is OperationStatus.SUCCEEDED
    assert (operation.old, operation.new, operation.retire_at) == (None, None, None)


def test_who_read_the_route_before_writes_nothing_behind_the_copy(world: MovingWorld) -> None:
    early, stamp = world.tenant_table(), Stamp(world.clock, FakeIds("b"))
    early.write(made(stamp, "early"))
    world.request("private")
    tried: list[str] = []

    def late(name: str, call: Callable[[], Any]) -> Any:
        answer = call()
        if name == "Seed":
            with pytest.raises(OrganizationMovingError):
                early.write(made(stamp, "late"))
            tried.append(name)
        return answer

    world.fault = late
    world.goes_on()

    assert tried
    assert world.tenant_table().place.kind == "private"
    assert world.tenant_table().get(thing_key("early"))


@pytest.mark.parametrize("fault", ["error", "timeout", "throttle", "lost answer", "stopped"])
def test_whatever_goes_wrong_it_comes_along_or_stays_where_it_was(
    world: MovingWorld, fault: str
) -> None:
    """Both in the middle of bringing, and after all of it was brought and seeded."""
    account = world.request("private")
    seen = faulty(world, "Seed", fault)
    world.goes_on()
    world.fault = None

    assert seen
    if world.operation(account).status is OperationStatus.FAILED:
        assert world.hosted().route == {}
        assert len(lying_in(world, SHARED.table, "ORG#acme#EXPORTS")) == EXPORTS
        world.tenant_table().write(made(Stamp(world.clock, FakeIds("c")), "back"))
        world.tenant_table().transact([Remove(thing_key("back"))])
        world.service.retry(OWNER, account.account_id)
        world.goes_on()
    came_along(world, world.account(account.account_id))


@pytest.mark.parametrize("pages", [12, 13, 14])
def test_what_an_attempt_seeded_is_no_difference_to_the_next(
    world: MovingWorld, monkeypatch: pytest.MonkeyPatch, pages: int
) -> None:
    """All was brought, what every tenant begins with was written, and it was not written down.

    By so many pages a call has copied all, and the next one counts it.
    """
    world.provisioning = replace(world.provisioning, pages=pages)
    seed, tried = world.provisioning.data.seed, list[str]()

    def seeded(*given: Any) -> None:
        seed(*given)
        if len(tried) < 2:
            tried.append("seeded")
            raise UnavailableError("The ledger is busy.")

    monkeypatch.setattr(world.provisioning.data, "seed", seeded)
    account = world.request("private")
    world.goes_on()

    assert tried
    came_along(world, world.account(account.account_id))


# more than one execution, or its history, holds


def test_it_is_brought_however_many_calls_that_takes(world: MovingWorld) -> None:
    world.provisioning = replace(world.provisioning, pages=1)
    account = world.request("private")
    world.goes_on()

    account = world.account(account.account_id)
    came_along(world, account)
    operation = world.operation(account)
    assert operation.step(StepName.SEED).attempts > 2 * MOST_RETRIES
    assert operation.run == 1


def test_what_fills_the_history_of_one_execution_goes_on_in_the_next(world: MovingWorld) -> None:
    world.provisioning = replace(world.provisioning, pages=1, rounds=2)
    account = world.request("private")
    world.goes_on()

    account = world.account(account.account_id)
    came_along(world, account)
    operation = world.operation(account)
    assert operation.run > MOST_RESUMES + 1, "getting on is no reason to give it up"
    assert operation.step(StepName.CREATE).attempts == 1


# files, which nobody has counted yet

HAD = {"acme/1.txt": b"one", "acme/a/2.txt": b"two"}


def files_put(world: MovingWorld) -> None:
    for name, body in HAD.items():
        world.s3.put_object(Bucket=SHARED.raw, Key=name, Body=body)
    world.s3.put_object(Bucket=SHARED.processed, Key="acme/p.txt", Body=b"processed")
    world.s3.put_object(Bucket=SHARED.raw, Key="acme2/1.txt", Body=b"neighbour")


def lying(world: MovingWorld, bucket: str) -> dict[str, bytes]:
    found = world.s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    return {
        each["Key"]: world.s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read()
        for each in found
    }


@pytest.mark.parametrize("kind", ["own-buckets", "private"])
def test_files_come_along_into_buckets_of_its_own(world: MovingWorld, kind: str) -> None:
    files_put(world)
    account = world.request(kind)
    world.goes_on()

    account = world.account(account.account_id)
    operation = world.operation(account)
    assert operation.status is OperationStatus.SUCCEEDED, operation
    names = Names.of("tenantry", account)
    assert lying(world, names.raw) == HAD
    assert lying(world, names.processed) == {"acme/p.txt": b"processed"}
    assert operation.old == operation.new
    assert operation.old
    assert (operation.old.objects, operation.old.items) == (
        3,
        EXPORTS if kind == "private" else 0,
    ), "of what has a table that all share, items stay where they are"
    now = ComparisonService(world.service, world.copies, SHARED, 100).page(
        OWNER, account.account_id, None
    )
    assert now.found.is_whole
    assert now.found.objects == Tally(same=3)
    brought = Tally(same=EXPORTS, added=2) if kind == "private" else Tally()
    assert now.found.items == brought, (
        "and what every tenant begins with, and what was written to try it"
    )


def test_the_shared_copy_of_files_is_kept_and_then_removed_with_nothing_else(
    world: MovingWorld,
) -> None:
    files_put(world)
    account = world.request("own-buckets")
    world.goes_on()
    before = items(world.dynamodb, SHARED.table)
    assert world.moving.retire_due() == 0
    assert len(lying(world, SHARED.raw)) == 3
    world.clock.advance(KEPT)
    retired(world)

    assert lying(world, SHARED.raw) == {"acme2/1.txt": b"neighbour"}
    assert lying(world, SHARED.processed) == {}
    assert items(world.dynamodb, SHARED.table) == before
    assert lying(world, Names.of("tenantry", account).raw) == HAD
    assert world.operation(world.account(account.account_id)).retire_at is None


def test_the_shared_copy_of_files_goes_wherever_the_account_lives_by_then(
    world: MovingWorld,
) -> None:
    files_put(world)
    account = world.request("own-buckets")
    world.goes_on()
    world.move(account, "private")
    world.goes_on()
    world.clock.advance(2 * KEPT)
    for _ in range(30):
        world.moving.retire_due()

    assert lying(world, SHARED.raw) == {"acme2/1.txt": b"neighbour"}
    place = world.router.find(world.service.access.standing(OWNER), writes=True)
    assert place.kind == "private"
    assert lying(world, place.raw) == HAD


def test_what_is_uploaded_by_a_form_that_was_signed_before_comes_along(
    world: MovingWorld,
) -> None:
    files_put(world)
    account = world.request("own-buckets")
    tried: list[str] = []

    def late(name: str, call: Callable[[], Any]) -> Any:
        answer = call()
        if name == "Seed" and not tried:
            world.s3.put_object(Bucket=SHARED.raw, Key="acme/late.txt", Body=b"late")
            tried.append(name)
        return answer

    world.fault = late
    world.goes_on()

    account = world.account(account.account_id)
    operation = world.operation(account)
    assert operation.status is OperationStatus.SUCCEEDED, operation
    assert lying(world, Names.of("tenantry", account).raw) == {**HAD, "acme/late.txt": b"late"}
    closed = operation.step(StepName.CONFIGURE).ended_at
    brought = operation.step(StepName.SEED).ended_at
    assert closed
    assert brought
    assert brought - closed >= SETTLE


def test_whoever_has_no_files_waits_for_none(world: MovingWorld) -> None:
    account = world.request("own-buckets")
    world.goes_on()

    operation = world.operation(account)
    assert operation.step(StepName.SEED).attempts == 1
    assert (operation.old, operation.retire_at) == (None, None)


def test_files_that_reach_no_other_aws_account_are_refused_and_stay(world: MovingWorld) -> None:
    files_put(world)
    account = world.request("dedicated")
    world.goes_on()

    operation = world.operation(account)
    assert operation.status is OperationStatus.FAILED
    assert operation.error_code == "CONFLICT"
    assert operation.error
    assert "files" in operation.error
    assert world.hosted().route == {}
    assert lying(world, SHARED.raw) == {**HAD, "acme2/1.txt": b"neighbour"}
